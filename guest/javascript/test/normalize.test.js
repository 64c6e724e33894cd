// What a normalizer's author relies on: lines, events, and columns that the host accepts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines, NO_TIMESTAMP, Severity, timestampNs } from "../updraft-guest.js";
import { ContractBroken, lines as cut, normalize as run } from "../updraft-guest/testing.js";
import { chances, string } from "./support.js";

const does = (normalize) => ({ normalize: (_origin, lines, events) => normalize(lines, events) });

test("an event is its line unless more is said", () => {
  const everyLine = does((lines, events) => {
    for (const [, end] of lines) {
      events.push(end);
    }
  });
  for (const data of ["", "one\n", "one\ntwo", "\n\nпривіт\n"]) {
    const rows = run(everyLine, data).rows();
    assert.deepEqual(
      rows.map((row) => row.text),
      data === "" ? [] : data.replace(/\n$/, "").split("\n"),
    );
    assert.equal(rows.map((row) => string(row.source)).join(""), data);
    assert.ok(rows.every((row) => string(row.raw) === string(row.source) && row.timestamp === undefined));
  }
});

test("spans count bytes, and texts from elsewhere are copied", () => {
  const [row] = run(
    does((lines, events) => {
      const end = lines.ends[0];
      const start = lines.latin1.indexOf(" ") + 1;
      events.push(end, 7n, Severity.ERROR, [start, end - 1], "ß");
      events.attributeText("whole", [0, end - 1]);
      events.attributeText("made", "чорт");
      events.attributeJson("json", '{"a":[1]}');
    }),
    "größe 検査𝄞\n",
  ).rows();
  assert.deepEqual([row.text, row.timestamp, row.severity, row.label], ["検査𝄞", 7n, 17, "ß"]);
  assert.deepEqual(row.attributes, { whole: "größe 検査𝄞", made: "чорт", json: { a: [1] } });
});

test("bytes that are not UTF-8 stay as they are, and each is one character of latin1", () => {
  const every = Uint8Array.from({ length: 256 }, (_, at) => at).filter((byte) => byte !== 10);
  const [row] = run(
    does((lines, events) => events.push(lines.ends[0])),
    every,
  ).rows();
  assert.deepEqual(row.message, every);
  assert.equal(cut(every).latin1.length, 255);
  assert.equal(new Lines(Uint8Array.of(0xff, 10), Uint32Array.of(2), true).text(0, 2), "\ufffd");
});

test("a line may become two events, and two lines one", () => {
  const rows = run(
    does((lines, events) => {
      events.push(3, undefined, 0, undefined, "first");
      events.push(lines.ends[0]);
      events.push(lines.ends[2], undefined, 0, undefined, "joined");
    }),
    "abcdef\ng\nh\n",
  ).rows();
  assert.deepEqual(
    rows.map((row) => row.text),
    ["abc", "def", "g\nh"],
  );
  assert.deepEqual(
    rows.map((row) => row.label),
    ["first", "default", "joined"],
  );
});

test("an attribute given again replaces the one before", () => {
  const rows = run(
    does((lines, events) => {
      for (let line = 0; line < lines.length; line++) {
        events.push(lines.ends[line]);
        events.attributeText("a", "old");
        events.attributeText("b", "b");
        events.attributeJson("a", `${line}`);
      }
    }),
    "x\ny\n",
  ).rows();
  assert.deepEqual(
    rows.map((row) => row.attributes),
    [
      { a: 0, b: "b" },
      { a: 1, b: "b" },
    ],
  );
});

test("what was not used comes again", () => {
  const first = does((lines, events) => {
    events.push(lines.ends[0]);
    events.attributeText("made", "é");
    return 1;
  });
  const batch = run(first, "one\ntwo\n", { last: false });
  assert.deepEqual([batch.consumed, string(batch.bytes)], [1, "one\n"]);
  assert.deepEqual(batch.rows()[0].attributes, { made: "é" });
  assert.throws(() => run(first, "one\ntwo\n"), /only 1 of 2 lines/);
});

test("what the host would refuse is refused", () => {
  const refused = (change, words, last = true) => {
    const broken = does((lines, events) => {
      events.push(lines.ends.at(-1));
      change(events, lines);
      return last ? undefined : 1;
    });
    assert.throws(
      () => run(broken, "one\ntwo\n", { last }),
      (error) => error instanceof ContractBroken && words.test(error.message),
    );
  };
  refused((events) => events.push(3), /sourceEnds decrease/);
  refused((events) => events.push(9), /ends at byte 9, not/);
  refused((events) => events.push(8, 0n, 0, [0, 9]), /message 1 is no span/);
  refused((events) => events.push(8, 0n, 0, [2, 1]), /message 1 is no span/);
  refused((events) => events.attributeJson("a", "NaN"), /a is not JSON/);
  refused((events) => events.attributeJson("a", "{\n}"), /a is not JSON in one line/);
  refused((events) => events.attributeJson("a", "[".repeat(200) + "]".repeat(200)), /a is not JSON/);
  refused((events) => events.attributeText("a", [0, 99]), /attribute 0 is no span/);
  refused(() => {}, /ends at byte 8, not where the consumed lines end, 4/, false);
});

test("anything that is pushed keeps the contract", () => {
  const chance = chances(6);
  const pieces = ["é", "検", "\n", "x", "\\", '"', "\r\n", "𝄞"].map((piece) => Buffer.from(piece));
  pieces.push(Buffer.of(0xff), Buffer.of(0xf0, 0x9f));
  for (let round = 0; round < 300; round++) {
    const data = new Uint8Array(Buffer.concat(Array.from({ length: 40 }, () => chance.pick(pieces))));
    const anything = does((lines, events) => {
      const used = lines.last ? lines.length : chance.below(lines.length + 1);
      const end = lines.start(used);
      for (let start = 0, at = 0; at < end; start = at) {
        at += 1 + chance.below(end - at);
        const message = chance.pick([undefined, [start, at], "ü", Uint8Array.of(0xff), ""]);
        events.push(at, BigInt(chance.below(2 ** 31)), 9, message, chance.pick(["default", "a", "b"]));
        events.attributeText(chance.pick("abc"), chance.pick([[start, at], "é"]));
        events.attributeText(chance.pick("abc"), chance.pick([[start, at], "é"]));
      }
      return used;
    });
    const batch = run(anything, data, { last: chance.below(2) === 0 });
    assert.deepEqual(
      batch.rows().flatMap((row) => [...row.source]),
      [...batch.bytes],
    );
  }
});

test("times are read as Airflow writes them", () => {
  assert.equal(timestampNs("1970-01-01T00:00:01.5+0000"), 1_500_000_000n);
  assert.equal(timestampNs("2024-05-01T02:30:00.123456789+02:00"), timestampNs("2024-05-01T00:30:00.123456789Z"));
  assert.equal(timestampNs("2024-05-01T00:30:00-0330") - timestampNs("2024-05-01T00:30:00"), 12_600_000_000_000n);
  assert.equal(timestampNs("1969-12-31 23:59:59,999999"), -1_000n);
});

test("what is no time, or too far away, is none", () => {
  const none = [
    "",
    "yesterday",
    "2024-13-01T00:00:00Z",
    "2024-02-31T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
  ];
  for (const text of none) {
    assert.equal(timestampNs(text), NO_TIMESTAMP, text);
  }
});
