// Replacing text wherever an event carries it: what a mask hides must not survive in another spelling.

import { decode, decodeStrictly, encode, latin1 } from "./columns.js";

// What JSON may write as a backslash and one more letter.
const ESCAPED = /["\\/\b\f\n\r\t]/;

/** Whether the host takes it as a JSON attribute: one value, in one line, of UTF-8. */
export function isJson(bytes) {
  const text = decodeStrictly(bytes);
  return text !== undefined && !/[\r\n]/.test(text) && parses(text);
}

function parses(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Replaces what it finds by the same text always. */
export class Finder {
  #what;
  #by;
  #needle;
  #escape = "\\";

  constructor(what, by) {
    this.#by = by;
    if (typeof what === "string") {
      this.#what = what;
      this.#needle = latin1(encode(what));
      // Letters hide behind no escape but this one.
      this.#escape = ESCAPED.test(what) ? "\\" : "\\u";
    } else {
      this.#what = new RegExp(what.source, what.flags.includes("g") ? what.flags : `${what.flags}g`);
    }
  }

  /** Whether any piece of it may hold a match, by its bytes. */
  mayMatch(bytesAsLatin1) {
    return (
      this.#needle === undefined || bytesAsLatin1.includes(this.#needle) || bytesAsLatin1.includes(this.#escape)
    );
  }

  /** The text with every match replaced. Empty ones are ignored. */
  replaced(text) {
    if (this.#what === "") {
      return text;
    }
    return text.replaceAll(this.#what, (found) => (found === "" ? "" : this.#by));
  }

  /** The bytes with every match replaced; undefined when there is none. Then bytes that are not UTF-8 are, too. */
  inText(bytes) {
    const text = decode(bytes);
    const replaced = this.replaced(text);
    return replaced === text ? undefined : encode(replaced);
  }

  /** The same for what may be JSON, where a match may hide behind escapes (`caf\u00e9`, `a\"b`). */
  inMaybeJson(bytes) {
    const text = decodeStrictly(bytes);
    if (text === undefined || !text.includes(this.#escape) || !parses(text)) {
      return this.inText(bytes);
    }
    let replaced = "";
    let done = 0;
    for (const [start, end] of escapedStrings(text)) {
      const read = JSON.parse(text.slice(start, end)).toWellFormed();
      const fit = this.replaced(read);
      if (fit !== read) {
        replaced += this.replaced(text.slice(done, start)) + JSON.stringify(fit);
        done = end;
      }
    }
    replaced += this.replaced(text.slice(done));
    return replaced === text ? undefined : encode(replaced);
  }
}

/** The strings of a JSON text that have escapes: where they start and end. */
function* escapedStrings(text) {
  const mark = /["\\]/g;
  for (let start = text.indexOf('"'); start !== -1; ) {
    let escaped = false;
    mark.lastIndex = start + 1;
    while (mark.exec(text)[0] === "\\") {
      escaped = true;
      mark.lastIndex += 1;
    }
    if (escaped) {
      yield [start, mark.lastIndex];
    }
    start = text.indexOf('"', mark.lastIndex);
  }
}
