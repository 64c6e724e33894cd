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

  /**
   * A piece of the source without the halves of escapes at its ends, and with the whole of them; undefined if it is a
   * part of one escape. Without them it may be empty.
   */
  whole(start, end) {
    const first = this.#cut(start);
    const last = this.#cut(end);
    const within = [first?.end ?? start, last?.start ?? end];
    const isAPart = first !== undefined && last !== undefined ? first === last : within[0] >= within[1];
    return isAPart ? undefined : [within, [first?.start ?? start, last?.end ?? end]];
  }

  /** The escape that has parts before and behind that place. */
  #cut(at) {
    const escape = this.#last((it) => it.start < at);
    return escape !== undefined && at < escape.end ? escape : undefined;
  }

  /** The last escape that is so; those before it are. */
  #last(isSo) {
    let low = 0;
    for (let high = this.#escapes.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (isSo(this.#escapes[middle])) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return this.#escapes[low - 1];
  }

  #place(at) {
    const escape = this.#last(({ reads }) => reads <= at);
    if (escape === undefined) {
      return [at, at + 1];
    }
    const { readsEnd, start, end } = escape;
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
