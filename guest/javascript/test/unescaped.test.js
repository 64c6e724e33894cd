// Escapes are undone as JSON does it, wherever they stand, and what was found is found where it stands.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Unescaped } from "../updraft-guest/unescaped.js";
import { chances } from "./support.js";

test("escapes are undone wherever they stand, and other backslashes are kept", () => {
  for (const [source, text] of [
    [String.raw`a\"\\\/\b\f\n\r\t\u00e9`, 'a"\\/\b\f\n\r\té'],
    [String.raw`\ud83d\ude80 \udc80x \ud83d\u0041`, "\u{1f680} \ufffdx \ufffdA"],
    ["C:\\x\\u00 \\u0041", "C:\\x\\u00 A"],
  ]) {
    assert.equal(new Unescaped(source).text, text);
  }
  for (const source of ["", "plain", "\\x", "\\u004", "\\", "\\d\\w", "\\u00g1"]) {
    assert.equal(new Unescaped(source).hasEscapes, false, source);
  }
});

test("it reads as JSON strings do", () => {
  const chance = chances(8);
  const pieces = ["a", "é", "𝄞", '\\"', "\\\\", "\\/", "\\n", "\\u0041", "\\u00e9", "\\ud83d\\ude80"];
  for (let round = 0; round < 300; round++) {
    const inside = Array.from({ length: 10 }, () => chance.pick(pieces)).join("");
    assert.equal(new Unescaped(inside).text, JSON.parse(`"${inside}"`));
  }
});

test("a piece is found where it stands", () => {
  const chance = chances(9);
  for (let round = 0; round < 300; round++) {
    const parts = Array.from({ length: 3 }, () =>
      Array.from({ length: 4 }, () => chance.pick([...'aé𝄞"\\\n/'])).join(""),
    );
    const [before, piece, after] = parts.map((part) => JSON.stringify(part).slice(1, -1).replaceAll("é", "\\u00e9"));
    const at = new Unescaped(before + piece + after).source(parts[0].length, parts[0].length + parts[1].length);
    assert.deepEqual(at, [before.length, before.length + piece.length]);
  }
});
