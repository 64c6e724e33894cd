// What is exported, called as componentize-js does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { exportNormalizer, exportRouter, exportTransformer, host } from "../updraft-guest.js";
import { events, lines, origin } from "../updraft-guest/testing.js";

class EveryLine {
  constructor(config) {
    this.poison = config.poison.text;
  }

  normalize(from, lines, events) {
    for (const [start, end] of lines) {
      if (lines.text(start, end) === this.poison) {
        throw new Error("poisoned");
      }
      events.push(end, undefined, 0, undefined, from.kind);
    }
  }
}

class Names {
  route(_origin, _label, sink, standard) {
    if (standard.key !== undefined) {
      return { key: `${sink.id}/${standard.key}` };
    }
    const answers = { none: null, wrong: "wrong" };
    return standard.group in answers ? answers[standard.group] : { ...standard, group: standard.group.toUpperCase() };
  }
}

test("a normalizer", () => {
  const { lifecycle, normalize } = exportNormalizer(EveryLine, undefined);
  assert.throws(
    () => normalize.process(origin(), lines("x\n")),
    (error) => error === "called before `configure`",
  );
  assert.throws(
    () => lifecycle.configure("{}"),
    (error) => /^TypeError: .*\(component\.test\.js:\d+\)$/.test(error),
  );
  lifecycle.configure('{"poison":{"text":"é"}}');
  const { consumed, events: columns } = normalize.process(origin(), lines("x\ny\n"));
  assert.deepEqual([consumed, columns.labelNames], [2, ["default", "task"]]);
  assert.throws(
    () => normalize.process(origin(), lines("é\n")),
    (error) => /^Error: poisoned \(component\.test\.js:\d+\)$/.test(error),
  );
});

test("a transformer", () => {
  class Quiet {
    transform(_origin, events) {
      for (const event of events) {
        event.drop();
      }
    }
  }
  const { lifecycle, transform } = exportTransformer(Quiet, undefined);
  lifecycle.configure("{}");
  const { bytes, columns } = events(["x"]);
  assert.deepEqual(transform.process(origin(), bytes, columns).labels, Uint16Array.of(65535));
});

test("a router", () => {
  const { lifecycle, route } = exportRouter(Names, undefined);
  lifecycle.configure("{}");
  const ask = (standard) => route.route(origin(), "default", { id: "s", kind: "file" }, standard);
  const stream = (group) => ask({ tag: "log-stream", val: { group, name: "n" } });
  assert.deepEqual(ask({ tag: "object-key", val: "k" }), { tag: "object-key", val: "s/k" });
  assert.deepEqual(stream("g"), { tag: "log-stream", val: { group: "G", name: "n" } });
  assert.equal(stream("none"), undefined);
  assert.throws(
    () => stream("wrong"),
    (error) => error.includes('not "wrong"'),
  );
});

test("the host hears what is logged and counted", () => {
  const heard = [];
  exportRouter(Names, { log: (...it) => heard.push(it), count: (...it) => heard.push(it) });
  host.log(9, "é");
  host.count("seen");
  host.count("seen", 2);
  assert.deepEqual(heard, [
    [9, "é"],
    ["seen", 1n],
    ["seen", 2n],
  ]);
});
