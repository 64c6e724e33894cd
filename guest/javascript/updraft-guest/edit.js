// The events that a transformer reads and changes.

import { Arena, DROPPED, Keys, decode, encode, labelIndex, latin1 } from "./columns.js";
import { Finder, isJson } from "./replace.js";

// Names that the contract gives, which hide nothing: a mask leaves them alone.
const NAMES = new Set("logger source dag_id run_id task_id map_index try_number exception".split(" "));

/** An event's attributes, by name: a string is a text, anything else a JSON value. */
export class Attributes {
  #events;
  #at;

  constructor(events, at) {
    this.#events = events;
    this.#at = at;
  }

  get size() {
    return this.#events.rows(this.#at).length;
  }

  /** The bytes of a value, and whether they are JSON; undefined if there is none. */
  raw(name) {
    const row = this.#row(name);
    return row && { bytes: this.#events.read(row.start, row.end), isJson: row.isJson };
  }

  /** Sets a value by its bytes. */
  setRaw(name, bytes, isJson) {
    const key = this.#events.keys.add(name);
    if (key === undefined) {
      return;
    }
    const [start, end] = this.#events.made(bytes);
    const row = { key, start, end, isJson };
    const rows = this.#events.rows(this.#at);
    const known = rows.findIndex((row) => row.key === key);
    this.#events.setRows(this.#at, known === -1 ? [...rows, row] : rows.with(known, row));
  }

  get(name) {
    const raw = this.raw(name);
    if (raw === undefined) {
      return undefined;
    }
    const text = decode(raw.bytes);
    return raw.isJson ? JSON.parse(text) : text;
  }

  set(name, value) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (text === undefined) {
      throw new TypeError(`no JSON value: ${value}`);
    }
    this.setRaw(name, encode(text), typeof value !== "string");
  }

  has(name) {
    return this.#row(name) !== undefined;
  }

  /** Whether there was one. */
  delete(name) {
    const row = this.#row(name);
    if (row !== undefined) {
      this.#events.setRows(
        this.#at,
        this.#events.rows(this.#at).filter((other) => other.key !== row.key),
      );
    }
    return row !== undefined;
  }

  keys() {
    return this.#events.rows(this.#at).map(({ key }) => this.#events.keys.names[key]);
  }

  *[Symbol.iterator]() {
    for (const name of this.keys()) {
      yield [name, this.get(name)];
    }
  }

  #row(name) {
    const key = this.#events.keys.find(name);
    return key === undefined ? undefined : this.#events.rows(this.#at).find((row) => row.key === key);
  }
}

/** One event of a set; nothing of it is read before it is asked for. */
export class Event {
  #events;

  constructor(events, at) {
    this.#events = events;
    // Its place in each column.
    this.at = at;
  }

  /** What it says, as bytes. To hide something in it, use `replace`: `raw` says it, too. */
  get message() {
    const { messageStarts, messageEnds } = this.#events.columns;
    return this.#events.read(messageStarts[this.at], messageEnds[this.at]);
  }

  set message(text) {
    const { messageStarts, messageEnds } = this.#events.columns;
    [messageStarts[this.at], messageEnds[this.at]] = this.#events.made(text);
  }

  /** The message as text, what is not UTF-8 replaced. */
  get text() {
    return decode(this.message);
  }

  /** What codec `raw` ships: the bytes of the file, line breaks included, unless they were replaced. */
  get raw() {
    const { rawStarts, rawEnds } = this.#events.columns;
    return this.#events.read(rawStarts[this.at], rawEnds[this.at]);
  }

  set raw(text) {
    const { rawStarts, rawEnds } = this.#events.columns;
    [rawStarts[this.at], rawEnds[this.at]] = this.#events.made(text);
  }

  /** Nanoseconds since the Unix epoch, UTC, as a BigInt; NO_TIMESTAMP where none was found. */
  get timestamp() {
    return this.#events.columns.timestamps[this.at];
  }

  set timestamp(timestamp) {
    this.#events.columns.timestamps[this.at] = timestamp;
  }

  /** How bad it is. */
  get severity() {
    return this.#events.columns.severities[this.at];
  }

  set severity(severity) {
    this.#events.columns.severities[this.at] = severity;
  }

  /** A short word that routes tell events apart by. */
  get label() {
    const { labels, labelNames } = this.#events.columns;
    return labelNames[labels[this.at]];
  }

  set label(name) {
    this.#events.columns.labels[this.at] = this.#events.label(name);
  }

  /** Its attributes, by name. */
  get attributes() {
    return new Attributes(this.#events, this.at);
  }

  /** Drops the event. The host counts it. */
  drop() {
    this.#events.columns.labels[this.at] = DROPPED;
  }

  /** Replaces every match in message, attributes (names and values) and `raw`: what a mask hides is gone. */
  replace(what, by) {
    this.#events.replaceAt(this.at, new Finder(what, by));
  }
}

/**
 * The events that a transformer reads and changes: `for (const event of events)`, without those dropped before. What is
 * not touched goes back as it came. `columns` may be read and written directly, too.
 */
export class EventSet {
  #arena;
  #made = new Arena();
  #border;
  // Where what is made here begins.
  #new;
  #changed = new Map();
  #firstRows;

  constructor(bytes, columns) {
    this.bytes = bytes;
    this.columns = columns;
    this.keys = new Keys(columns.keyNames);
    this.#arena = columns.arena;
    this.#border = bytes.length;
    this.#new = bytes.length + columns.arena.length;
  }

  get length() {
    return this.columns.labels.length;
  }

  *[Symbol.iterator]() {
    const { labels } = this.columns;
    for (let at = 0; at < labels.length; at++) {
      if (labels[at] !== DROPPED) {
        yield new Event(this, at);
      }
    }
  }

  /** The index of a label, for the column of labels. */
  label(name) {
    return labelIndex(this.columns.labelNames, name);
  }

  /** The bytes of a span. */
  read(start, end) {
    if (end <= this.#border) {
      return this.bytes.subarray(start, end);
    }
    if (start < this.#new) {
      return this.#arena.subarray(start - this.#border, end - this.#border);
    }
    return this.#made.bytes(start - this.#new, end - this.#new);
  }

  /** The span of a text that is no piece of what was given. */
  made(text) {
    const start = this.#new + this.#made.add(text);
    return [start, this.#new + this.#made.length];
  }

  /** The attributes of an event. */
  rows(at) {
    return this.#changed.get(at) ?? this.#given(at);
  }

  setRows(at, rows) {
    this.#changed.set(at, rows);
  }

  #given(at) {
    const { attributeEvents, attributeKeys, attributeStarts, attributeEnds, attributeJson } = this.columns;
    const rows = [];
    for (let row = this.#firstRow(at); attributeEvents[row] === at; row++) {
      const [key, start, end, isJson] = [
        attributeKeys[row],
        attributeStarts[row],
        attributeEnds[row],
        attributeJson[row],
      ];
      rows.push({ key, start, end, isJson });
    }
    return rows;
  }

  #firstRow(at) {
    if (this.#firstRows === undefined) {
      const { attributeEvents } = this.columns;
      this.#firstRows = new Uint32Array(this.length).fill(attributeEvents.length);
      for (let row = attributeEvents.length - 1; row >= 0; row--) {
        this.#firstRows[attributeEvents[row]] = row;
      }
    }
    return this.#firstRows[at];
  }

  /** `Event.replace` on all events at once: much faster, since it looks first whether there is any match. */
  replace(what, by) {
    const finder = new Finder(what, by);
    const { keyNames, labels } = this.columns;
    const blobs = [this.bytes, this.#arena, this.#made.bytes(), ...keyNames.map(encode)];
    if (!blobs.some((bytes) => finder.mayMatch(latin1(bytes)))) {
      return;
    }
    for (let at = 0; at < labels.length; at++) {
      if (labels[at] !== DROPPED) {
        this.replaceAt(at, finder);
      }
    }
  }

  replaceAt(at, finder) {
    const { messageStarts, messageEnds, rawStarts, rawEnds } = this.columns;
    const message = finder.replacedBytes(this.read(messageStarts[at], messageEnds[at]));
    if (message !== undefined) {
      [messageStarts[at], messageEnds[at]] = this.made(message);
    }
    const raw = finder.replacedBytes(this.read(rawStarts[at], rawEnds[at]));
    if (raw !== undefined) {
      [rawStarts[at], rawEnds[at]] = this.made(raw);
    }
    const given = this.rows(at);
    const taken = new Set(given.map(({ key }) => key));
    const rows = given.map((row) => this.#renamed(this.#replaced(row, finder), taken, finder));
    if (rows.some((row, index) => row !== given[index])) {
      this.#changed.set(
        at,
        rows.filter((row) => row.key !== undefined),
      );
    }
  }

  /** The row itself, if nothing in its value is to be replaced. */
  #replaced(row, finder) {
    const replaced = finder.replacedBytes(this.read(row.start, row.end));
    if (replaced === undefined) {
      return row;
    }
    const [start, end] = this.made(replaced);
    return { ...row, start, end, isJson: row.isJson && isJson(replaced) };
  }

  /** The same for its name. One that is taken then gets a `_` more. */
  #renamed(row, taken, finder) {
    const name = this.keys.names[row.key];
    let renamed = NAMES.has(name) ? undefined : finder.replaced(name);
    if (renamed === undefined) {
      return row;
    }
    taken.delete(row.key);
    while (taken.has(this.keys.find(renamed))) {
      renamed += "_";
    }
    const key = this.keys.add(renamed);
    taken.add(key);
    return { ...row, key };
  }

  /** The columns that cross the border; the arena holds only what was made here. */
  finish() {
    const columns = { ...this.columns, arena: this.#made.bytes() };
    if (this.#changed.size > 0) {
      const all = [];
      for (let at = 0; at < this.length; at++) {
        for (const row of this.rows(at)) {
          all.push({ event: at, ...row });
        }
      }
      columns.attributeEvents = Uint32Array.from(all, ({ event }) => event);
      columns.attributeKeys = Uint16Array.from(all, ({ key }) => key);
      columns.attributeStarts = Uint32Array.from(all, ({ start }) => start);
      columns.attributeEnds = Uint32Array.from(all, ({ end }) => end);
      columns.attributeJson = all.map(({ isJson }) => isJson);
    }
    return columns;
  }
}
