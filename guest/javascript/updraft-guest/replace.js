// Replacing text wherever an event carries it: what a mask hides must not survive in another spelling.
//
// A text is searched as it stands and as it reads, escapes undone: the strings of JSON each for itself, so that it
// stays JSON; then all of it in both ways, so that a value is found that only its key gives away. Whatever one of these
// finds is hidden, though it were JSON no more. What is read is searched in the same way: logs quote JSON that quotes
// JSON.

import { decode, decodeStrictly, encode, latin1 } from "./columns.js";
import { Unescaped } from "./unescaped.js";

// How often what was escaped may have been escaped again: each level is one more pass over the text.
const MAX_LEVELS = 8;
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
  #pattern;
  #by;
  #byMustBeEscaped;
  #needle;
  #bytes;
  #escape = "\\";

  constructor(what, by) {
    this.#by = by;
    this.#byMustBeEscaped = quoted(by) !== by;
    if (typeof what === "string") {
      this.#needle = what;
      this.#bytes = latin1(encode(what));
      // Letters hide behind no escape but this one.
      this.#escape = ESCAPED.test(what) ? "\\" : "\\u";
    } else {
      this.#pattern = new RegExp(what.source, what.flags.includes("g") ? what.flags : `${what.flags}g`);
    }
  }

  /** False if no piece of a text, however it is escaped, is a match; given its bytes, a character for each. */
  mayMatch(bytes) {
    if (this.#needle === "") {
      return false;
    }
    return this.#needle === undefined || bytes.includes(this.#bytes) || bytes.includes(this.#escape);
  }

  /** The bytes with every match replaced; undefined when there is none. Then bytes that are not UTF-8 are, too. */
  replacedBytes(bytes) {
    const replaced = this.replaced(decode(bytes));
    return replaced === undefined ? undefined : encode(replaced);
  }

  /** The text with every match replaced; undefined when there is none. Empty ones are ignored. */
  replaced(text) {
    const isPlain = !text.includes(this.#escape) && !this.#byMustBeEscaped;
    const found = isPlain ? this.#findAll(text) : this.#search(text, MAX_LEVELS);
    if (found.length === 0) {
      return undefined;
    }
    let replaced = "";
    let copied = 0;
    for (const { start, end, escapes } of joined(found)) {
      let by = this.#by;
      for (let level = 0; this.#byMustBeEscaped && level < escapes; level++) {
        by = quoted(by);
      }
      replaced += text.slice(copied, start) + by;
      copied = end;
    }
    return replaced + text.slice(copied);
  }

  /** The matches in a piece of the text as it stands; `escapes`: how often what takes their place is escaped. */
  #findAll(text, start = 0, end = text.length, escapes = 0) {
    const piece = start === 0 && end === text.length ? text : text.slice(start, end);
    const found = [];
    if (this.#pattern !== undefined) {
      for (const { index, 0: match } of piece.matchAll(this.#pattern)) {
        if (match !== "") {
          found.push({ start: start + index, end: start + index + match.length, escapes });
        }
      }
    } else if (this.#needle !== "") {
      const { length } = this.#needle;
      for (let at = piece.indexOf(this.#needle); at !== -1; at = piece.indexOf(this.#needle, at + length)) {
        found.push({ start: start + at, end: start + at + length, escapes });
      }
    }
    return found;
  }

  #search(text, levels) {
    if ((text.includes("\\") || this.#byMustBeEscaped) && parses(text)) {
      return this.#searchJson(text, levels);
    }
    return this.#findAll(text).concat(this.#searchRead(text, levels));
  }

  /** The matches in a text as it reads, where they stand. */
  #searchRead(text, levels) {
    const read = new Unescaped(text);
    if (levels === 0 || !read.hasEscapes) {
      return [];
    }
    return this.#search(read.text, levels - 1).map((match) => standing(match, read, match.escapes + 1));
  }

  #searchJson(text, levels) {
    const found = [];
    // Not `concat`: a copy of all for each string.
    const add = (matches) => {
      for (const match of matches) {
        found.push(match);
      }
    };
    let done = 0;
    for (const { start, end, isEscaped } of strings(text)) {
      if (isEscaped) {
        // What stands between such strings is also searched for itself: no match in them hides one there.
        add(this.#findAll(text, done, start, 1));
        for (const match of this.#searchRead(text.slice(start, end), levels)) {
          found.push({ start: start + match.start, end: start + match.end, escapes: match.escapes });
        }
        done = end;
      }
    }
    add(this.#findAll(text, done, text.length, 1));
    const read = new Unescaped(text);
    if (read.hasEscapes) {
      add(this.#findAll(read.text).map((match) => standing(match, read, 1)));
      add(this.#allAsItStands(text, read, found));
    }
    return found;
  }

  /** What begins in one string and ends in another, or behind it. Half an escape is no match, but part of one. */
  #allAsItStands(text, read, found) {
    const hidden = joined(found, true);
    const more = [];
    let next = 0;
    for (const match of this.#findAll(text)) {
      const whole = read.whole(match.start, match.end);
      if (whole === undefined) {
        continue;
      }
      const [within] = whole;
      let [, [start, end]] = whole;
      // The matches are in order.
      while (next < hidden.length && hidden[next].end < start) {
        next += 1;
      }
      // As it reads it was found, too, and without the letter that is half an escape.
      let isHidden = false;
      // What touches it is more of the same.
      for (let near = next; near < hidden.length && hidden[near].start <= end; near++) {
        const { start: first, end: last } = hidden[near];
        isHidden ||= first <= within[0] && within[0] < within[1] && within[1] <= last;
        start = Math.min(start, first);
        end = Math.max(end, last);
      }
      if (!isHidden) {
        more.push({ start, end, escapes: 1 });
      }
    }
    return more;
  }
}

function standing(match, read, escapes) {
  const [start, end] = read.source(match.start, match.end);
  return { start, end, escapes };
}

/** Matches in order, those that overlap as one; or those that touch, too. */
function joined(found, touching = false) {
  const matches = [];
  for (const match of found.toSorted((one, other) => one.start - other.start)) {
    const before = matches.at(-1);
    if (before !== undefined && (match.start < before.end || (touching && match.start === before.end))) {
      before.end = Math.max(before.end, match.end);
      before.escapes = Math.max(before.escapes, match.escapes);
    } else {
      matches.push({ ...match });
    }
  }
  return matches;
}

function quoted(text) {
  return JSON.stringify(text).slice(1, -1);
}

/** The insides of a JSON text's strings. */
function* strings(text) {
  const mark = /["\\]/g;
  for (let start = text.indexOf('"'); start !== -1;) {
    let isEscaped = false;
    mark.lastIndex = start + 1;
    while (mark.exec(text)[0] === "\\") {
      isEscaped = true;
      mark.lastIndex += 1;
    }
    yield { start: start + 1, end: mark.lastIndex - 1, isEscaped };
    start = text.indexOf('"', mark.lastIndex);
  }
}
