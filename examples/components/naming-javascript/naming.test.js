// What this router promises. `node --test` in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { origin, route } from "../../../guest/javascript/updraft-guest/testing.js";
import { Naming } from "./naming.js";

const TEAMS = { teams: { sales: "crm", sales_eu: "crm-eu", продажи: "crm-ru" } };
const STREAM = { group: "/airflow", name: "load/attempt=1.log" };
const RUN = "scheduled__2026-01-01T00:00:00+00:00";

function named(standard, { dagId = "sales_orders", label = "default", runId = RUN } = {}) {
  const task = { dagId, runId, taskId: "load", tryNumber: 1 };
  return route(new Naming(TEAMS), standard, { label, origin: origin({ task }) });
}

test("each team has a log group, and the longest beginning counts", () => {
  assert.deepEqual(named(STREAM), { group: "/airflow/crm", name: "load/attempt=1.log" });
  assert.equal(named(STREAM, { dagId: "sales_eu_orders" }).group, "/airflow/crm-eu");
  assert.equal(named(STREAM, { dagId: "продажи_день" }).group, "/airflow/crm-ru");
});

test("errors have log streams of their own", () => {
  assert.deepEqual(named(STREAM, { label: "errors" }), { group: "/airflow/crm", name: "load/attempt=1.log/errors" });
});

test("keys stand below the day of the run", () => {
  assert.deepEqual(named({ key: "a.log" }), { key: "crm/2026-01-01/a.log" });
  assert.deepEqual(named({ key: "a.log" }, { runId: "nightly" }), { key: "crm/no-day/a.log" });
});

test("a DAG of no team is said", (context) => {
  const said = context.mock.method(console, "error", () => {});
  assert.equal(named(STREAM, { dagId: "billing" }).group, "/airflow/unowned");
  assert.match(said.mock.calls[0].arguments[0], /DAG billing is of no team/);
});

test("debug goes nowhere, and what is of no task stays where it is", () => {
  assert.equal(named(STREAM, { label: "debug" }), undefined);
  const scheduler = origin({ kind: "scheduler", task: undefined });
  assert.deepEqual(route(new Naming(TEAMS), STREAM, { origin: scheduler }), STREAM);
});
