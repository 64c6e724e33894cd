// What this router promises.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Teams } from "./demo_component.js";
import { origin, route } from "./updraft-guest/testing.js";

const TEAMS = { teams: { etl: "data-platform", etl_orders: "orders" } };

function routed(standard, { dagId = "etl", label = "default" } = {}) {
  const task = { dagId, runId: "manual__1", taskId: "load", tryNumber: 1 };
  return route(new Teams(TEAMS), standard, { label, origin: origin({ task }) });
}

test("a team has a log group and a folder of its own", () => {
  const stream = { group: "/airflow", name: "attempt=1.log" };
  assert.deepEqual(routed(stream), { group: "/airflow/data-platform", name: "attempt=1.log" });
  assert.deepEqual(routed({ key: "a.log" }), { key: "data-platform/a.log" });
});

test("the longest beginning counts", () => {
  assert.deepEqual(routed({ key: "a.log" }, { dagId: "etl_orders_eu" }), { key: "orders/a.log" });
});

test("what is of no team goes where the sink says", () => {
  assert.deepEqual(routed({ key: "a.log" }, { dagId: "billing" }), { key: "a.log" });
  const scheduler = { origin: origin({ task: undefined }) };
  assert.deepEqual(route(new Teams(TEAMS), { key: "s.log" }, scheduler), { key: "s.log" });
});

test("debug goes nowhere", () => {
  assert.equal(routed({ key: "a.log" }, { label: "debug" }), undefined);
});

test("without teams it does not start", () => {
  for (const config of [{}, { teams: { etl: 7 } }, { teams: "etl" }]) {
    assert.throws(() => new Teams(config), /must name `teams`/);
  }
});
