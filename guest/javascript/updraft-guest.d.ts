// The types of updraft-guest.js, for editors and for `tsc --checkJs`.

/** A text, its bytes, or the span `[start, end]` of a piece of the batch's bytes. */
export type Text = string | Uint8Array | [start: number, end: number];

/** "No time found." */
export const NO_TIMESTAMP: bigint;
/** Label index of a dropped event. */
export const DROPPED: number;

/** OpenTelemetry's SeverityNumber. */
export const Severity: Readonly<{
  NONE: 0;
  TRACE: 1;
  DEBUG: 5;
  INFO: 9;
  WARNING: 13;
  ERROR: 17;
  CRITICAL: 21;
}>;

/** Who a stream is; the same for all its lines. */
export interface LogStream {
  /** Id of the source in the config. */
  source: string;
  /** Path of the file relative to the source's root, with `/` on every platform. */
  path: string;
  /** Name of the machine that wrote it. */
  host: string;
  kind: "task" | "trigger" | "scheduler" | "dag-processor" | "other";
  /** The task try that wrote it, where the path says so. */
  task?: TaskTry;
  deployment: { clusterId?: string; workspaceId?: string; deploymentId?: string };
}

/** One attempt of one task instance. */
export interface TaskTry {
  dagId: string;
  runId: string;
  taskId: string;
  /** Only for mapped tasks. */
  mapIndex?: number;
  /** Counts from 1. */
  tryNumber: number;
}

/** The sink that asks where events go. */
export interface Sink {
  /** Its id in the config. */
  id: string;
  kind: "aws_cloudwatch_logs" | "aws_s3" | "file" | "console";
}

/** Where events go: a log stream in a log group, or an object. */
export type Target = { group: string; name: string } | { key: string };

/** Turns lines into events. */
export interface Normalizer {
  /**
   * Makes events of the lines, in order, and says how many lines it used; all of them, if it says nothing. What it did
   * not use it sees again, with more lines or with `lines.last`; then it must use all.
   */
  normalize(origin: LogStream, lines: Lines, events: Events): number | void;
}

/** Changes events: mask, enrich, drop, label. */
export interface Transformer {
  transform(origin: LogStream, events: EventSet): void;
}

/** Names log groups, streams and objects. Asked once per (stream, label, sink) and cached. */
export interface Router {
  /**
   * Where events of this stream and label go. `standard` is what the sink's own templates say: return it, or a part of
   * it changed, or nothing: not to this sink.
   */
  route(origin: LogStream, label: string, sink: Sink, standard: Target): Target | null | undefined;
}

/** A class with one of the three roles. It is made once, of the component's `config` of the pipeline (or `{}`). */
export type Component<Role> = new (config: any) => Role;

/** What a component may ask of the host. Natively, a line goes to stderr, and nothing is counted. */
export interface Host {
  log(severity: number, message: string): void;
  count(name: string, by: bigint): void;
}

export const host: {
  /** Writes a line to the host's log (rate-limited there). */
  log(severity: number, message: string): void;
  /** Adds to a counter of the host's metrics. */
  count(name: string, by?: number): void;
};

/** The exports of a component that turns lines into events: `export const { lifecycle, normalize } = …`. */
export function exportNormalizer(
  component: Component<Normalizer>,
  host?: Host,
): { lifecycle: unknown; normalize: unknown };
/** The exports of a component that changes events: `export const { lifecycle, transform } = …`. */
export function exportTransformer(
  component: Component<Transformer>,
  host?: Host,
): { lifecycle: unknown; transform: unknown };
/** The exports of a component that names things: `export const { lifecycle, route } = …`. */
export function exportRouter(component: Component<Router>, host?: Host): { lifecycle: unknown; route: unknown };

/** Consecutive lines of one stream: line i is `bytes.subarray(start(i), ends[i])`. */
export class Lines implements Iterable<[start: number, end: number]> {
  constructor(bytes: Uint8Array, ends: Uint32Array, last: boolean);
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** Nothing follows for now: all lines must be used. */
  readonly last: boolean;
  readonly length: number;
  /** Where a line starts. */
  start(line: number): number;
  /** The `[start, end]` of each line. An index and `start` are faster. */
  [Symbol.iterator](): Iterator<[start: number, end: number]>;
  /** A piece as text, without a line break at its end; what is not UTF-8 replaced. */
  text(start: number, end: number): string;
  /** All of it, one character for each byte: for regular expressions that look for ASCII, and give offsets of bytes. */
  readonly latin1: string;
}

/** The events that a normalizer makes, in the order of the lines they came from. */
export class Events {
  constructor(lines: Lines);
  readonly length: number;
  /**
   * Adds an event whose source ends at byte `end`. It begins where the one before ended. Its message is the source
   * without the line break, unless one is given.
   */
  push(end: number, timestamp?: bigint, severity?: number, message?: Text, label?: string): void;
  /** An attribute of the event pushed last. Given again under the same key, it replaces the one before. */
  attributeText(key: string, text: Text): void;
  /** The same with a JSON value, as JSON text in one line. */
  attributeJson(key: string, text: Text): void;
  finish(): Columns;
}

/** Nanoseconds since the epoch of an ISO 8601 time (UTC where it names no zone); NO_TIMESTAMP if it is none. */
export function timestampNs(text: string): bigint;

/** Whether the host takes it as a JSON attribute: one value, in one line, of UTF-8. */
export function isJson(bytes: Uint8Array): boolean;

/** An event's attributes, by name: a string is a text, anything else a JSON value. */
export class Attributes implements Iterable<[name: string, value: unknown]> {
  private constructor();
  readonly size: number;
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  has(name: string): boolean;
  /** Whether there was one. */
  delete(name: string): boolean;
  keys(): string[];
  /** The bytes of a value, and whether they are JSON. */
  raw(name: string): { bytes: Uint8Array; isJson: boolean } | undefined;
  /** Sets a value by its bytes. */
  setRaw(name: string, bytes: Uint8Array, isJson: boolean): void;
  [Symbol.iterator](): Iterator<[name: string, value: unknown]>;
}

/** One event of a set; nothing of it is read before it is asked for. */
export class Event {
  private constructor();
  /** Its place in each column. */
  readonly at: number;
  /** What it says, as bytes. To hide something in it, use `replace`: `raw` says it, too. */
  get message(): Uint8Array;
  set message(text: string | Uint8Array);
  /** The message as text, what is not UTF-8 replaced. */
  readonly text: string;
  /** What codec `raw` ships: the bytes of the file, line breaks included, unless they were replaced. */
  get raw(): Uint8Array;
  set raw(text: string | Uint8Array);
  /** Nanoseconds since the Unix epoch, UTC; NO_TIMESTAMP where none was found. */
  timestamp: bigint;
  severity: number;
  label: string;
  readonly attributes: Attributes;
  /** Drops the event. The host counts it. */
  drop(): void;
  /** Replaces every match in message, attributes (names and values) and `raw`: what a mask hides is gone. */
  replace(what: string | RegExp, by: string): void;
}

/** The events that a transformer reads and changes, without those dropped before. What it leaves alone stays as it is. */
export class EventSet implements Iterable<Event> {
  private constructor();
  readonly bytes: Uint8Array;
  /** May be read and written directly, too. */
  readonly columns: Columns;
  readonly length: number;
  [Symbol.iterator](): Iterator<Event>;
  /** The index of a label, for the column of labels. */
  label(name: string): number;
  /** The bytes of a span. */
  read(start: number, end: number): Uint8Array;
  /** `Event.replace` on all events at once: much faster, since it looks first whether there is any match. */
  replace(what: string | RegExp, by: string): void;
}

/** Events as they cross the border; the WIT documents each column. */
export interface Columns {
  arena: Uint8Array;
  timestamps: BigInt64Array;
  severities: Uint8Array;
  sourceEnds: Uint32Array;
  rawStarts: Uint32Array;
  rawEnds: Uint32Array;
  messageStarts: Uint32Array;
  messageEnds: Uint32Array;
  labels: Uint16Array;
  labelNames: string[];
  attributeEvents: Uint32Array;
  attributeKeys: Uint16Array;
  keyNames: string[];
  attributeStarts: Uint32Array;
  attributeEnds: Uint32Array;
  attributeJson: boolean[];
}
