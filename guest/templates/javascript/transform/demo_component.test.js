// What this transformer promises.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Mask } from "./demo_component.js";
import { Severity } from "./updraft-guest.js";
import { transform } from "./updraft-guest/testing.js";

const masked = (...rows) => transform(new Mask({ secret: "hunter2" }), rows).rows();

test("the secret is gone from message, attributes and raw", () => {
  const raw = String.raw`{"event":"password=hunter2","url":"p\u00e4ss:hunter\u0032@db"}`;
  const [row] = masked({ message: "password=hunter2", raw, attributes: { url: "päss:hunter2@db" } });
  assert.equal(row.text, "password=***");
  assert.deepEqual(row.attributes, { url: "päss:***@db" });
  assert.ok(!Buffer.from(row.raw).includes("hunter"));
});

test("errors are labelled and debug is dropped", () => {
  const severities = [Severity.NONE, Severity.DEBUG, Severity.INFO, Severity.ERROR];
  const rows = masked(...severities.map((severity) => ({ message: "x", severity })));
  assert.deepEqual(
    rows.map((row) => row.label),
    ["default", undefined, "default", "errors"],
  );
});

test("without a secret it does not start", () => {
  for (const config of [{}, { secret: "" }, { secret: 7 }]) {
    assert.throws(() => new Mask(config), /must name the `secret`/);
  }
});
