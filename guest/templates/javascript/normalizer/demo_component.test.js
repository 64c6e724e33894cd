// What this normalizer promises.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { Airflow } from "./demo_component.js";
import { Severity } from "./updraft-guest.js";
import { normalize } from "./updraft-guest/testing.js";

const TEXT = `\
[2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected as Łukasz
[2026-01-01T02:00:04.101+0200] {taskinstance.py:3336} ERROR - Task failed with exception
Traceback (most recent call last):
ConnectionError: lost the connection
`;
const JSON_LINE =
  String.raw`{"timestamp":"2026-01-02T00:00:03.512402Z","level":"warning","event":"3 \u00fc","logger":"load",` +
  '"filename":"load.py","lineno":31,"orders":[17]}\n';

const events = (log, last = true) => normalize(new Airflow(), log, { last });

test("a header gives time, level, source and message", () => {
  const [first, second] = events(TEXT).rows();
  assert.deepEqual([first.text, first.severity], ["Connected as Łukasz", Severity.INFO]);
  assert.deepEqual([first.timestamp, first.attributes], [1_767_225_603_512_000_000n, { source: "warehouse.py:24" }]);
  assert.equal(second.timestamp, 1_767_225_604_101_000_000n, "offsets are taken off");
});

test("lines without a header belong to the event before", () => {
  const rows = events(TEXT).rows();
  assert.equal(rows.length, 2);
  assert.ok(rows[1].text.endsWith("call last):\nConnectionError: lost the connection"));
});

test("a JSON line gives the same and its other members", () => {
  const [row] = events(JSON_LINE).rows();
  assert.deepEqual([row.text, row.severity, row.timestamp], ["3 ü", Severity.WARNING, 1_767_312_003_512_402_000n]);
  assert.deepEqual(row.attributes, { source: "load.py:31", logger: "load", orders: [17] });
});

test("the last record waits for its lines until nothing follows", () => {
  assert.deepEqual(
    [false, true].map((last) => events(TEXT, last).consumed),
    [1, 4],
  );
  assert.equal(events(JSON_LINE, false).consumed, 1);
});

test("what is no record is an event all the same", () => {
  for (const log of [
    "no header\n[2026-01-01] {} LOUD - neither\n",
    '{"event": 7}\n',
    '{"event": "torn',
    "{}\n",
    "[1]",
  ]) {
    const [row, ...others] = events(log).rows();
    assert.deepEqual([row.text, row.timestamp, others], [log.replace(/\n$/, ""), undefined, []]);
  }
});

test("a record without end is cut", () => {
  const lengths = events("x\n".repeat(1200))
    .rows()
    .map((row) => row.source.length / 2);
  assert.deepEqual(lengths, [500, 500, 200]);
});

test("the logs of this project are read whole", () => {
  const folder = `${import.meta.dirname}/logs`;
  for (const path of readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".log"))) {
    const rows = events(new Uint8Array(readFileSync(`${folder}/${path}`))).rows();
    assert.ok(
      rows.every((row) => row.timestamp && row.severity),
      path,
    );
  }
});
