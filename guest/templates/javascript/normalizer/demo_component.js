// Makes events of Airflow's logs: of JSON lines, and of text records, whose headers begin one that goes on without.

import { Severity, timestampNs } from "./updraft-guest.js";

// [2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected
const HEADER = /\[([^\]\s]{19,40})\] \{([^}\n]*)\} (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ?/y;
const BRACKET = "[".charCodeAt(0);
const BRACE = "{".charCodeAt(0);
const BREAK = "\n".charCodeAt(0);
// Longer events are cut: what a batch may hold has its limits.
const MAX_LINES = 500;
// What the path of the stream says already, and what an event has a place of its own for.
const KNOWN = new Set(
  "timestamp level event filename lineno ti_id dag_id run_id task_id map_index try_number".split(" "),
);

/** The component. It has no config. */
export class Airflow {
  normalize(_origin, lines, events) {
    const { bytes, ends } = lines;
    let header; // of the text record that the lines go on with
    let first = 0; // its first line
    const push = (end) => pushText(events, lines, header, end);
    for (let at = 0; at < ends.length; at++) {
      const start = lines.start(at);
      const end = ends[at];
      let found;
      if (bytes[start] === BRACKET && (found = readHeader(lines, start, end))) {
        if (at > first) {
          push(start);
        }
        header = found;
        first = at;
      } else if (bytes[start] === BRACE && (found = readJson(lines.text(start, end)))) {
        if (at > first) {
          push(start);
        }
        pushJson(events, found, end);
        header = undefined;
        first = at + 1;
      } else if (at - first === MAX_LINES) {
        push(start);
        header = undefined;
        first = at;
      }
    }
    // The last record may go on in lines that are not here yet. Unless nothing follows, it comes again with them.
    if (!lines.last) {
      return first;
    }
    if (ends.length > first) {
      push(bytes.length);
    }
    return ends.length;
  }
}

/** What the header of a line says. It is ASCII, so it is looked for in the characters that stand for bytes. */
function readHeader({ latin1 }, start, end) {
  HEADER.lastIndex = start;
  const found = HEADER.exec(latin1);
  if (found === null || HEADER.lastIndex > end) {
    return undefined;
  }
  const [, time, source, level] = found;
  // `[time] {source} `: spans of the batch, not copies.
  const place = start + time.length + 4;
  return { time, level, source: [place, place + source.length], message: HEADER.lastIndex };
}

/** An event of all lines up to `end`; without a header it has nothing but its text. */
function pushText(events, { bytes }, header, end) {
  if (header === undefined) {
    events.push(end);
    return;
  }
  const stop = bytes[end - 1] === BREAK ? end - 1 : end;
  const message = [Math.min(header.message, stop), stop];
  events.push(end, timestampNs(header.time), Severity[header.level], message);
  events.attributeText("source", header.source);
}

/** A record of Airflow 3: an object that says what happened. */
function readJson(text) {
  try {
    const record = JSON.parse(text);
    return typeof record.event === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

/** An event of a JSON line. */
function pushJson(events, record, end) {
  const severity = Severity[String(record.level).toUpperCase()] ?? Severity.NONE;
  events.push(end, timestampNs(String(record.timestamp)), severity, record.event);
  if (record.filename !== undefined) {
    events.attributeText("source", `${record.filename}:${record.lineno ?? ""}`);
  }
  for (const [name, value] of Object.entries(record)) {
    if (KNOWN.has(name)) {
      continue;
    }
    if (typeof value === "string") {
      events.attributeText(name, value);
    } else {
      events.attributeJson(name, JSON.stringify(value));
    }
  }
}
