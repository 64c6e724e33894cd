// Events as they cross the border: the WIT's `events`, column by column; and how text gets in and out of them.

import { host } from "./host.js";

export const NO_TIMESTAMP = -(2n ** 63n);
export const DROPPED = 0xffff;
// Indices are 16 bits wide in the WIT.
const MAX_KEYS = 1 << 16;

/** OpenTelemetry's SeverityNumber. */
export const Severity = Object.freeze({
  NONE: 0,
  TRACE: 1,
  DEBUG: 5,
  INFO: 9,
  WARNING: 13,
  ERROR: 17,
  CRITICAL: 21,
});

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const oneByte = new TextDecoder("latin1");

/** The bytes of a text. */
export function encode(text) {
  return typeof text === "string" ? encoder.encode(text) : text;
}

/** Bytes as text; what is not UTF-8 replaced. */
export function decode(bytes) {
  return utf8.decode(bytes);
}

/** Bytes as text; undefined if they are not UTF-8. */
export function decodeStrictly(bytes) {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One character for each byte, whatever it says: offsets into it are offsets into the bytes. */
export function latin1(bytes) {
  return oneByte.decode(bytes);
}

/** Bytes that grow. */
export class Arena {
  #bytes = new Uint8Array(256);
  length = 0;

  /** Appends the bytes of a text; where they begin. */
  add(text) {
    const bytes = encode(text);
    const start = this.length;
    this.length += bytes.length;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, start);
    return start;
  }

  /** A piece; all of it, if nothing is said. */
  bytes(start = 0, end = this.length) {
    return this.#bytes.subarray(start, end);
  }
}

/** The names of a batch's attributes and their indices. Of equal names the first one's counts. */
export class Keys {
  #index = new Map();

  constructor(names) {
    this.names = names;
    for (let at = names.length - 1; at >= 0; at--) {
      this.#index.set(names[at], at);
    }
  }

  find(name) {
    return this.#index.get(name);
  }

  /** Undefined, and counted, when there are too many others already. */
  add(name) {
    let key = this.#index.get(name);
    if (key === undefined) {
      if (this.names.length === MAX_KEYS) {
        host.count("attributes_left_out");
        return undefined;
      }
      key = this.names.push(name) - 1;
      this.#index.set(name, key);
    }
    return key;
  }
}

/** The index of a label, added where it is new. There are a handful per batch. */
export function labelIndex(names, name) {
  const known = names.indexOf(name);
  return known === -1 ? names.push(name) - 1 : known;
}
