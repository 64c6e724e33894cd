// Runs a component natively, holds it to the contract as the host does, and gives back readable events.
//
//     const batch = normalize(new Airflow({}), "[2024-01-01T00:00:00+0000] {a.py:1} INFO - hello\n");
//     assert.equal(batch.rows()[0].text, "hello");
//
// Only the host's limits of time and size are not looked at.

import { DROPPED, NO_TIMESTAMP, decode, encode } from "./columns.js";
import { runNormalizer, runTransformer } from "./component.js";
import { Events, Lines } from "./normalize.js";
import { isJson } from "./replace.js";

// The host reads JSON no deeper.
const MAX_DEPTH = 127;
const COLUMNS = {
  timestamps: BigInt64Array,
  severities: Uint8Array,
  sourceEnds: Uint32Array,
  rawStarts: Uint32Array,
  rawEnds: Uint32Array,
  messageStarts: Uint32Array,
  messageEnds: Uint32Array,
  labels: Uint16Array,
};
const ATTRIBUTE_COLUMNS = {
  attributeEvents: Uint32Array,
  attributeKeys: Uint16Array,
  attributeStarts: Uint32Array,
  attributeEnds: Uint32Array,
  attributeJson: Array,
};

/** What the host would refuse. */
export class ContractBroken extends Error {}

/** What a component made of a batch: the bytes of the lines that it used, and events as they cross the border. */
export class Batch {
  constructor(bytes, columns, consumed) {
    this.bytes = bytes;
    this.columns = columns;
    this.consumed = consumed;
  }

  /** The events in order, dropped ones included: their label is undefined. */
  rows() {
    const columns = this.columns;
    const whole = joined([this.bytes, columns.arena]);
    const rows = Array.from(columns.timestamps, (timestamp, at) => ({
      text: decode(whole.subarray(columns.messageStarts[at], columns.messageEnds[at])),
      message: whole.slice(columns.messageStarts[at], columns.messageEnds[at]),
      raw: whole.slice(columns.rawStarts[at], columns.rawEnds[at]),
      source: whole.slice(at === 0 ? 0 : columns.sourceEnds[at - 1], columns.sourceEnds[at]),
      timestamp: timestamp === NO_TIMESTAMP ? undefined : timestamp,
      severity: columns.severities[at],
      label: columns.labelNames[columns.labels[at]],
      attributes: {},
    }));
    columns.attributeEvents.forEach((event, row) => {
      const text = decode(whole.subarray(columns.attributeStarts[row], columns.attributeEnds[row]));
      const name = columns.keyNames[columns.attributeKeys[row]];
      rows[event].attributes[name] = columns.attributeJson[row] ? JSON.parse(text) : text;
    });
    return rows;
  }
}

/** The first try of a task, as Airflow's default layout has it. */
export function origin(changes = {}) {
  return {
    source: "airflow",
    path: "dag_id=etl/run_id=manual__1/task_id=load/attempt=1.log",
    host: "worker-0",
    kind: "task",
    task: { dagId: "etl", runId: "manual__1", taskId: "load", mapIndex: undefined, tryNumber: 1 },
    deployment: { clusterId: undefined, workspaceId: undefined, deploymentId: undefined },
    ...changes,
  };
}

/** Cuts bytes into lines as the host does. */
export function lines(data, last = true) {
  const bytes = encode(data);
  const ends = [];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    ends.push(at + 1);
  }
  if (bytes.length > (ends.at(-1) ?? 0)) {
    ends.push(bytes.length);
  }
  return new Lines(bytes, new Uint32Array(ends), last);
}

/** Feeds a normalizer some bytes. */
export function normalize(normalizer, data, { last = true, origin: from = origin() } = {}) {
  const given = lines(data, last);
  const { consumed, events: columns } = runNormalizer(normalizer, from, given);
  hold(consumed <= given.length, `consumed ${consumed} of ${given.length} lines`);
  hold(
    !last || consumed === given.length,
    `only ${consumed} of ${given.length} lines consumed, though they are the last`,
  );
  const border = given.bytes.length;
  const end = consumed === 0 ? 0 : given.ends[consumed - 1];
  check(columns, given.bytes, new Uint8Array(), end);
  // As the host does: what was not used is gone, and spans into the arena move up to it.
  for (const name of ["messageStarts", "messageEnds", "attributeStarts", "attributeEnds"]) {
    columns[name] = columns[name].map((at) => (at >= border ? at - border + end : at));
  }
  return new Batch(given.bytes.slice(0, end), columns, consumed);
}

/**
 * Events for a transformer: of lines as they stand, or of rows that say more (`raw` is their message, if not given):
 * `{ message, raw, timestamp, severity, label, attributes }`.
 */
export function events(rows) {
  const whole = rows.map((row) => (typeof row === "string" || row instanceof Uint8Array ? { message: row } : row));
  const raws = whole.map(({ raw, message }) =>
    raw === undefined ? joined([encode(message), encode("\n")]) : encode(raw),
  );
  const bytes = joined(raws);
  const made = new Events(new Lines(bytes, new Uint32Array(), true));
  let end = 0;
  whole.forEach(({ message, timestamp, severity, label, attributes = {} }, at) => {
    end += raws[at].length;
    made.push(end, timestamp, severity, message, label);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "string") {
        made.attributeText(name, value);
      } else {
        made.attributeJson(name, JSON.stringify(value));
      }
    }
  });
  return new Batch(bytes, made.finish(), rows.length);
}

/** Feeds a transformer what the stage before it made, or events as `events` takes them. */
export function transform(transformer, given, { origin: from = origin() } = {}) {
  const batch = given instanceof Batch ? given : events(given);
  // A copy, as the border makes one: the batch may be used again.
  const copies = Object.entries(batch.columns).map(([name, column]) => [name, column.slice()]);
  const columns = runTransformer(transformer, from, batch.bytes, Object.fromEntries(copies));
  const ends = new Set(columns.sourceEnds);
  for (const end of batch.columns.sourceEnds) {
    hold(ends.has(end), `no event ends at byte ${end} any more: events are never merged`);
  }
  check(columns, batch.bytes, batch.columns.arena, batch.bytes.length);
  columns.arena = joined([batch.columns.arena, columns.arena]);
  return new Batch(batch.bytes, columns, batch.consumed);
}

/** Asks a router. */
export function route(
  router,
  standard,
  { label = "default", sink = { id: "logs", kind: "aws_cloudwatch_logs" }, origin: from = origin() } = {},
) {
  return router.route(from, label, sink, standard) ?? undefined;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}

function hold(kept, words) {
  if (!kept) {
    throw new ContractBroken(words);
  }
}

/** What the host checks: lengths, types, spans, indices, and that the sources cover every byte up to `end`. */
function check(columns, bytes, older, end) {
  const count = columns.timestamps.length;
  const rows = columns.attributeEvents.length;
  for (const [names, wanted] of [
    [COLUMNS, count],
    [ATTRIBUTE_COLUMNS, rows],
  ]) {
    for (const [name, type] of Object.entries(names)) {
      const column = columns[name];
      hold(column instanceof type, `${name} is no ${type.name}`);
      hold(column.length === wanted, `${name} has ${column.length} entries, not ${wanted}`);
    }
  }
  const increases = (column) => column.every((value, at) => at === 0 || column[at - 1] <= value);
  hold(increases(columns.sourceEnds), "sourceEnds decrease");
  const last = columns.sourceEnds.at(-1) ?? 0;
  hold(last === end, `the last event ends at byte ${last}, not where the consumed lines end, ${end}`);
  hold(
    columns.labels.every((at) => at === DROPPED || at < columns.labelNames.length),
    "a label has no name",
  );
  hold(
    columns.attributeKeys.every((at) => at < columns.keyNames.length),
    "an attribute has no name",
  );
  hold(increases(columns.attributeEvents), "attributes are not ordered by event");
  hold((columns.attributeEvents.at(-1) ?? -1) < count, "an attribute has no event");
  const whole = joined([bytes, older, columns.arena]);
  for (const name of ["raw", "message", "attribute"]) {
    const ends = columns[`${name}Ends`];
    columns[`${name}Starts`].forEach((start, at) => {
      const stop = ends[at];
      const fits = start <= stop && (stop <= end || (bytes.length <= start && stop <= whole.length));
      hold(fits, `${name} ${at} is no span of the consumed bytes or the arena: ${start} to ${stop}`);
    });
  }
  columns.attributeJson.forEach((isJsonValue, row) => {
    if (isJsonValue) {
      const value = whole.subarray(columns.attributeStarts[row], columns.attributeEnds[row]);
      const name = columns.keyNames[columns.attributeKeys[row]];
      const fits = isJson(value) && depth(JSON.parse(decode(value))) <= MAX_DEPTH;
      hold(fits, `attribute ${name} is not JSON in one line: ${decode(value)}`);
    }
  });
}

function depth(value) {
  return value === null || typeof value !== "object" ? 0 : 1 + Math.max(0, ...Object.values(value).map(depth));
}
