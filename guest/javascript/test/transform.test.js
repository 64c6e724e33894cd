// What a transformer's author relies on: nothing moves that was not touched, and what is replaced is gone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Severity } from "../updraft-guest.js";
import { events as given, transform } from "../updraft-guest/testing.js";
import { chances, string } from "./support.js";

const does = (transform) => ({ transform: (_origin, events) => transform(events) });
const run = (change, ...rows) => transform(does(change), rows);
const each = (change) => (events) => {
  for (const event of events) {
    change(event);
  }
};

/** One row with something replaced: by an event, and by all of them at once, which must do the same. */
function replaced(row, what, by) {
  const [one] = run(
    each((event) => event.replace(what, by)),
    row,
  ).rows();
  assert.deepEqual(run((events) => events.replace(what, by), row).rows(), [one]);
  return one;
}

test("what is not touched goes back as it came", () => {
  const batch = given([{ message: "x", attributes: { a: "é", b: [1] }, label: "l" }, Uint8Array.of(0xff)]);
  const back = transform(does(each((event) => [event.text, event.raw, event.attributes.get("a")])), batch);
  assert.deepEqual(back.columns, batch.columns);
  assert.deepEqual(run((events) => events.replace("x", "y")).rows(), []);
});

test("each part of an event can be read and changed", () => {
  const change = (event) => {
    assert.deepEqual([event.text, string(event.raw), event.timestamp, event.severity], ["größe", "größe\n", 5n, 9]);
    assert.deepEqual([event.label, [...event.attributes]], ["l", [["k", "ключ"]]]);
    event.message = `${event.text}!`;
    event.raw = Uint8Array.of(0xff);
    event.timestamp += 1n;
    event.severity = Severity.ERROR;
    event.label = "m";
    assert.deepEqual([event.text, event.raw, event.label], ["größe!", Uint8Array.of(0xff), "m"]);
  };
  const row = { message: "größe", timestamp: 5n, severity: 9, label: "l", attributes: { k: "ключ" } };
  const [after] = run(each(change), row).rows();
  assert.deepEqual(
    [after.text, after.raw, after.timestamp, after.severity, after.label],
    ["größe!", Uint8Array.of(0xff), 6n, 17, "m"],
  );
});

test("attributes are a map", () => {
  const change = ({ attributes }) => {
    attributes.set("team", "данные");
    attributes.set("n", { é: [null, 1.5] });
    attributes.set("old", 2);
    assert.deepEqual(attributes.raw("n"), { bytes: new TextEncoder().encode('{"é":[null,1.5]}'), isJson: true });
    assert.deepEqual(
      [attributes.delete("gone"), attributes.delete("gone"), attributes.has("gone")],
      [true, false, false],
    );
    assert.deepEqual([attributes.size, attributes.get("gone"), attributes.raw("gone")], [3, undefined, undefined]);
    assert.throws(() => attributes.set("f", () => 1), TypeError);
  };
  const row = { message: "x", attributes: { gone: "x", old: 1 } };
  const rows = run(each(change), row, row).rows();
  const wanted = { old: 2, team: "данные", n: { é: [null, 1.5] } };
  assert.deepEqual(
    rows.map((row) => row.attributes),
    [wanted, wanted],
  );
});

test("attributes of one event change, and those of others stay", () => {
  const rows = Array.from({ length: 5 }, (_, at) => ({ message: `${at}`, attributes: { a: `${at}`, b: at } }));
  for (let changed = 0; changed < 5; changed++) {
    const change = (event) => {
      if (event.at === changed) {
        event.attributes.keys().forEach((name) => event.attributes.delete(name));
        event.attributes.set("c", "new");
      }
    };
    const wanted = rows.map((row, at) => (at === changed ? { c: "new" } : row.attributes));
    assert.deepEqual(
      run(each(change), ...rows)
        .rows()
        .map((row) => row.attributes),
      wanted,
    );
  }
});

test("dropped events are counted by the host and seen by nobody", () => {
  const change = (events) => {
    const [first] = events;
    first.drop();
    assert.deepEqual(
      Array.from(events, (event) => event.text),
      ["two"],
    );
    events.replace("o", "0");
  };
  assert.deepEqual(
    run(change, "one", "two")
      .rows()
      .map((row) => [row.text, row.label]),
    [
      ["one", undefined],
      ["tw0", "default"],
    ],
  );
});

test("columns can be written directly", () => {
  const change = (events) => {
    const loud = events.label("loud");
    const { severities, labels } = events.columns;
    severities.forEach((severity, at) => {
      labels[at] = severity >= Severity.ERROR ? loud : 0;
    });
  };
  const rows = run(change, { message: "a", severity: 17 }, { message: "b", severity: 9 }).rows();
  assert.deepEqual(
    rows.map((row) => row.label),
    ["loud", "default"],
  );
});

test("a stage reads what the one before it made", () => {
  const batch = run((events) => events.replace("é", "ß"), "é1");
  const [row] = transform(
    does((events) => events.replace("ß1", "ok")),
    batch,
  ).rows();
  assert.deepEqual([row.text, string(row.raw)], ["ok", "ok\n"]);
});

test("events that were merged are refused", () => {
  const merge = (events) => {
    for (const [name, column] of Object.entries(events.columns)) {
      if (column.length === 2) {
        events.columns[name] = column.slice(1);
      }
    }
  };
  assert.throws(() => run(merge, "one", "two"), /never merged/);
});

test("a match is gone from message, raw, attributes and their names", () => {
  const row = replaced({ message: "pä55 x", attributes: { t: "pä55", j: ["pä55"], pä55: 1 } }, "pä55", "*");
  assert.deepEqual([row.text, string(row.raw)], ["* x", "* x\n"]);
  assert.deepEqual(row.attributes, { t: "*", j: ["*"], "*": 1 });
});

test("a match behind escapes is found", () => {
  const raw = (json, what, by) => string(replaced({ message: "m", raw: json }, what, by).raw);
  const line = String.raw`{"a":"caf\u00e9 s3cr\"et","b":["x\ns3cr\"et"],"c":1}`;
  assert.equal(raw(line, 's3cr"et', "***"), String.raw`{"a":"caf\u00e9 ***","b":["x\n***"],"c":1}`);
  assert.equal(raw(String.raw`{"a":"caf\u00e9","b":"\u0062ob"}`, "é", "e"), String.raw`{"a":"cafe","b":"\u0062ob"}`);
  assert.equal(raw(String.raw`{"b":"\u0062ob"}`, "bob", "-"), '{"b":"-"}');
  assert.equal(raw(String.raw`{"a":4711,"b":"47\u00311"}`, "4711", "***"), '{"a":***,"b":"***"}');
  assert.equal(raw(String.raw`["bob","bob\n"]`, "bob", "bobby"), String.raw`["bobby","bobby\n"]`);
  assert.equal(raw(String.raw`["\ud800 x\u0031"]`, "x1", "$&"), String.raw`["\ud800 $&"]`);
});

test("JSON that was torn or is part of a sentence is read, too", () => {
  const text = (message, what) => replaced(message, what, "***").text;
  assert.equal(text(String.raw`{"a":"p\u00e4ss\"word hunt`, 'päss"word'), '{"a":"*** hunt');
  assert.equal(text(String.raw`sent {"a": "p\u00e4ss\"word"}, code 200`, 'päss"word'), 'sent {"a": "***"}, code 200');
  assert.equal(text(String.raw`C:\users\hunter2`, "hunter2"), String.raw`C:\users\***`);
  assert.equal(text(String.raw`{"a":"x\ny\u00e9"}`, "u00e9"), String.raw`{"a":"x\ny\u00e9"}`);
});

test("JSON within JSON is read at every level, and what is put there is escaped as often", () => {
  for (const by of ["***", '"q"']) {
    let text = String.raw`caf\u00e9`;
    for (let level = 1; level < 5; level++) {
      text = JSON.stringify({ event: `got ${text}`, level });
      let read = JSON.parse(string(replaced({ message: "m", raw: text }, "café", by).raw));
      for (let below = 1; below < level; below++) {
        read = JSON.parse(read.event.replace(/^got /, ""));
      }
      assert.equal(read.event, `got ${JSON.stringify(by).slice(1, -1)}`);
    }
  }
});

test("a value that only its key gives away is found behind escapes", () => {
  for (const [raw, masked] of [
    [String.raw`{"key":"a\/b","x":"\n"}`, String.raw`{"key":"***","x":"\n"}`],
    [String.raw`{"k\u0065y":"ab"}`, String.raw`{"k\u0065y":"***"}`],
    [String.raw`{"a":"{\"key\":\"a\\/b\"}"}`, String.raw`{"a":"{\"key\":\"***\"}"}`],
  ]) {
    assert.equal(string(replaced({ message: "m", raw }, /(?<=key":")[^"]*/, "***").raw), masked);
  }
});

test("a match across the borders of strings is replaced, whatever they escape", () => {
  const member = /"private_key": *"(?:[^"\\]|\\.)+"/;
  const nested = JSON.stringify({ event: String.raw`{"private_key": "BEGIN\nsecret\nEND"}` });
  for (const [what, raw, masked] of [
    [
      /"private_key": *"[^"]+"/,
      String.raw`{"event":"x","private_key": "BEGIN\nMIIEsecret\nEND"}`,
      String.raw`{"event":"x",***}`,
    ],
    [
      member,
      String.raw`{"event":"x\n", "private_key": "secret", "a": "\n"}`,
      String.raw`{"event":"x\n", ***, "a": "\n"}`,
    ],
    [member, String.raw`{"event":"x", "private\u005fkey": "MIIE\/secret"}`, '{"event":"x", ***}'],
    [member, nested, '{"event":"{***}"}'],
    [
      /(?<="pw": ")(?:[^"\\]|\\.)*/,
      String.raw`{"pw": "abc\"defSECRET", "a": "b"}`,
      '{"pw": "***", "a": "b"}',
    ],
  ]) {
    assert.equal(string(replaced({ message: "m", raw }, what, "***").raw), masked);
  }
});

test("a match with half an escape is replaced with all of it, unless it reads better; what touches it, too", () => {
  for (const [what, raw, masked] of [
    [/nancy/, String.raw`{"a":"x\nancy"}`, '{"a":"x***"}'],
    [/[a-z]+@/, String.raw`{"a":"to\nbob@"}`, String.raw`{"a":"to\n***"}`],
    [/n/, String.raw`{"a":"x\ny"}`, String.raw`{"a":"x\ny"}`],
    // The one only as it stands, the other only as it reads.
    [/(?<=\\nxab)CRE|(?<=\nx)ab/, String.raw`{"a":"\nxabCREy"}`, String.raw`{"a":"\nx***y"}`],
    ["ab", String.raw`{"a":"\nxababy"}`, String.raw`{"a":"\nx******y"}`],
  ]) {
    assert.equal(string(replaced({ message: "m", raw }, what, "***").raw), masked);
  }
});

test("what is no JSON any more is a text", () => {
  assert.deepEqual(replaced({ message: "m", attributes: { n: 4711 } }, "4711", "***").attributes, { n: "***" });
  assert.deepEqual(replaced({ message: "m", attributes: { j: [1] } }, "1", "1\n").attributes, { j: "[1\\n]" });
});

test("names that become the same are told apart, and those of the contract stay", () => {
  const row = replaced({ message: "m", attributes: { a1: 1, a2: 2, "-": 3, logger: "a" } }, /a\d?|logger/, "-");
  assert.deepEqual(row.attributes, { "-_": 1, "-__": 2, "-": 3, logger: "-" });
});

test("a pattern finds each match and no empty one; nothing is found by looking for nothing", () => {
  assert.equal(replaced("token=é token=", /(?<==)\S*/, "*").text, "token=* token=");
  assert.equal(string(replaced({ message: "x", raw: '"\\u0041"' }, "", "y").raw), '"\\u0041"');
});

test("a match between bytes that are not UTF-8 is found", () => {
  const row = replaced(Uint8Array.of(0xff, 0x41, 0xc3), "A", "-");
  assert.deepEqual([row.text, string(row.raw)], ["\ufffd-\ufffd", "\ufffd-\ufffd\n"]);
});

test("what is replaced is gone from any JSON", () => {
  const chance = chances(7);
  const letters = (alphabet, count) => Array.from({ length: count }, () => chance.pick(alphabet)).join("");
  for (let round = 0; round < 500; round++) {
    // The members' names are none that a secret of these letters could be found in.
    const secret = letters([...'abc"\\\n/é検𝄞'], 3 + chance.below(4));
    const around = letters([...'xyz "\\{}é'], 4);
    let text = JSON.stringify({ EVENT: around + secret + around, N: [secret] });
    if (chance.below(3) === 0) {
      text = text.replaceAll("/", "\\/").replaceAll("a", "\\u0061").replaceAll("é", "\\u00e9");
    }
    const read = JSON.parse(string(replaced({ message: "m", raw: text }, secret, "###").raw));
    assert.ok(!read.EVENT.includes(secret), text);
    assert.deepEqual(read.N, ["###"]);
  }
});
