// A text as it reads once its escapes are undone, and where each piece of that stands in the text itself.

// JSON's; any other backslash stands for itself. A pair of surrogates is one character.
const ESCAPE = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|["\\/bfnrt])/g;
const LETTERS = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** What was found behind escapes can be replaced where it stands: in JSON, half of it, or JSON quoted in a sentence. */
export class Unescaped {
  // Of each escape, in order: where it reads and where it stands.
  #escapes = [];

  constructor(source) {
    let text = "";
    let copied = 0;
    for (const found of source.matchAll(ESCAPE)) {
      const start = found.index;
      const end = start + found[0].length;
      text += source.slice(copied, start);
      const reads = text.length;
      text += character(found[0]);
      this.#escapes.push({ reads, readsEnd: text.length, start, end });
      copied = end;
    }
    /** As it reads. */
    this.text = text + source.slice(copied);
  }

  get hasEscapes() {
    return this.#escapes.length > 0;
  }

  /** Where a piece of `text` that is not empty stands. Never half an escape. */
  source(start, end) {
    return [this.#place(start)[0], this.#place(end - 1)[1]];
  }

  #place(at) {
    // The last escape that begins before it or there.
    let low = 0;
    for (let high = this.#escapes.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#escapes[middle].reads <= at) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low === 0) {
      return [at, at + 1];
    }
    const { readsEnd, start, end } = this.#escapes[low - 1];
    return at < readsEnd ? [start, end] : [end + at - readsEnd, end + at - readsEnd + 1];
  }
}

function character(escape) {
  if (escape[1] !== "u") {
    return LETTERS[escape[1]] ?? escape[1];
  }
  const units = escape.length === 12 ? [escape.slice(2, 6), escape.slice(8)] : [escape.slice(2)];
  // Half a pair becomes U+FFFD.
  return String.fromCharCode(...units.map((unit) => Number.parseInt(unit, 16))).toWellFormed();
}
