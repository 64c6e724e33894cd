// The lines that a normalizer reads, and the events it makes of them.

import { Arena, Keys, NO_TIMESTAMP, decode, labelIndex, latin1 } from "./columns.js";

const BREAK = 10;
const TIME = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):?(\d\d))?$/;

// Neighbours in a log are of the same second nearly always.
let lastSecond = "";
let lastSecondNs = 0n;

/** Nanoseconds since the epoch of an ISO 8601 time (UTC where it names no zone); NO_TIMESTAMP if it is none. */
export function timestampNs(text) {
  const found = TIME.exec(text);
  if (found === null) {
    return NO_TIMESTAMP;
  }
  const second = `${text.slice(0, 19)}${found[8]}${found[9]}${found[10]}`;
  if (second !== lastSecond) {
    const ns = secondNs(found);
    if (ns === NO_TIMESTAMP) {
      return ns;
    }
    lastSecond = second;
    lastSecondNs = ns;
  }
  const fraction = found[7];
  return fraction === undefined ? lastSecondNs : lastSecondNs + BigInt(fraction.padEnd(9, "0").slice(0, 9));
}

function secondNs([, year, month, day, hour, minute, second, , sign, zoneHours, zoneMinutes]) {
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const given = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // The other way about it is not the same for the 31st of February.
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(given)) {
    return NO_TIMESTAMP;
  }
  const zone = sign === undefined ? 0 : (sign === "-" ? -60_000 : 60_000) * (60 * zoneHours + 1 * zoneMinutes);
  const ns = BigInt(ms - zone) * 1_000_000n;
  // A second more or less does not matter at the ends of what 64 bits hold: the years 1677 and 2262.
  return BigInt.asIntN(64, ns) === ns && BigInt.asIntN(64, ns + 1_000_000_000n) > ns ? ns : NO_TIMESTAMP;
}

/** Consecutive lines of one stream: line i is `bytes.subarray(start(i), ends[i])`. */
export class Lines {
  #latin1;

  constructor(bytes, ends, last) {
    this.bytes = bytes;
    this.ends = ends;
    // Nothing follows for now: all lines must be used.
    this.last = last;
  }

  get length() {
    return this.ends.length;
  }

  /** Where a line starts. */
  start(line) {
    return line === 0 ? 0 : this.ends[line - 1];
  }

  /** The `[start, end]` of each line. An index and `start` are faster. */
  *[Symbol.iterator]() {
    for (let line = 0, start = 0; line < this.ends.length; line++) {
      yield [start, this.ends[line]];
      start = this.ends[line];
    }
  }

  /** A piece as text, without a line break at its end; what is not UTF-8 replaced. */
  text(start, end) {
    return decode(this.bytes.subarray(start, end > start && this.bytes[end - 1] === BREAK ? end - 1 : end));
  }

  /**
   * All of it, one character for each byte: a regular expression that looks for ASCII finds the offsets of bytes there.
   * What is beyond ASCII cannot be read from it: take `text` for that.
   */
  get latin1() {
    this.#latin1 ??= latin1(this.bytes);
    return this.#latin1;
  }
}

/** The events that a normalizer makes, in the order of the lines they came from. */
export class Events {
  #bytes;
  #arena = new Arena();
  #keys = new Keys([]);
  // Per key, its last row: an attribute set twice is found at once.
  #rows = [];
  #labelNames = ["default"];
  #timestamps = [];
  #severities = [];
  #sourceEnds = [];
  #messageStarts = [];
  #messageEnds = [];
  #labels = [];
  #attributeEvents = [];
  #attributeKeys = [];
  #attributeStarts = [];
  #attributeEnds = [];
  #attributeJson = [];

  constructor(lines) {
    this.#bytes = lines.bytes;
  }

  /** How many so far. */
  get length() {
    return this.#sourceEnds.length;
  }

  /**
   * Adds an event whose source ends at byte `end`. It begins where the one before ended: no byte is without one.
   * Its message is the source without the line break, unless one is given: a text, bytes, or the span `[start, end]`.
   */
  push(end, timestamp = NO_TIMESTAMP, severity = 0, message = undefined, label = "default") {
    const at = this.#sourceEnds.length;
    let start = at === 0 ? 0 : this.#sourceEnds[at - 1];
    let stop = end > start && this.#bytes[end - 1] === BREAK ? end - 1 : end;
    if (message !== undefined) {
      [start, stop] = this.#span(message);
    }
    this.#sourceEnds[at] = end;
    this.#timestamps[at] = timestamp;
    this.#severities[at] = severity;
    this.#messageStarts[at] = start;
    this.#messageEnds[at] = stop;
    this.#labels[at] = label === "default" ? 0 : labelIndex(this.#labelNames, label);
  }

  /** An attribute of the event pushed last. Given again under the same key, it replaces the one before. */
  attributeText(key, text) {
    this.#attribute(key, text, false);
  }

  /** The same with a JSON value, as JSON text in one line. */
  attributeJson(key, text) {
    this.#attribute(key, text, true);
  }

  #attribute(name, text, isJson) {
    const key = this.#keys.add(name);
    if (key === undefined) {
      return;
    }
    const event = this.#sourceEnds.length - 1;
    const [start, end] = this.#span(text);
    let row = this.#rows[key];
    if (row === undefined || this.#attributeEvents[row] !== event) {
      row = this.#rows[key] = this.#attributeEvents.length;
    }
    this.#attributeEvents[row] = event;
    this.#attributeKeys[row] = key;
    this.#attributeStarts[row] = start;
    this.#attributeEnds[row] = end;
    this.#attributeJson[row] = isJson;
  }

  #span(text) {
    if (Array.isArray(text)) {
      return text;
    }
    const start = this.#bytes.length + this.#arena.add(text);
    return [start, this.#bytes.length + this.#arena.length];
  }

  /** The columns that cross the border. */
  finish() {
    const sourceEnds = new Uint32Array(this.#sourceEnds);
    const rawStarts = new Uint32Array(sourceEnds.length);
    rawStarts.set(sourceEnds.subarray(0, -1), Math.min(1, sourceEnds.length));
    return {
      arena: this.#arena.bytes(),
      timestamps: new BigInt64Array(this.#timestamps),
      severities: new Uint8Array(this.#severities),
      sourceEnds,
      rawStarts,
      rawEnds: sourceEnds,
      messageStarts: new Uint32Array(this.#messageStarts),
      messageEnds: new Uint32Array(this.#messageEnds),
      labels: new Uint16Array(this.#labels),
      labelNames: this.#labelNames,
      attributeEvents: new Uint32Array(this.#attributeEvents),
      attributeKeys: new Uint16Array(this.#attributeKeys),
      keyNames: this.#keys.names,
      attributeStarts: new Uint32Array(this.#attributeStarts),
      attributeEnds: new Uint32Array(this.#attributeEnds),
      attributeJson: this.#attributeJson,
    };
  }
}
