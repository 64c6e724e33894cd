// The types of testing.js.

import type { Columns, Lines, LogStream, Normalizer, Router, Sink, Target, Transformer } from "../updraft-guest.js";

/** What the host would refuse. */
export class ContractBroken extends Error {}

/** One event, readable. */
export interface Row {
  /** The message as text, what is not UTF-8 replaced. */
  text: string;
  message: Uint8Array;
  raw: Uint8Array;
  source: Uint8Array;
  /** Undefined where none was found. */
  timestamp?: bigint;
  severity: number;
  /** Undefined: dropped. */
  label?: string;
  attributes: Record<string, unknown>;
}

/** An event for a transformer: a line as it stands, or more of it (`raw` is its message, if not given). */
export type Given =
  | string
  | Uint8Array
  | {
      message: string | Uint8Array;
      raw?: string | Uint8Array;
      timestamp?: bigint;
      severity?: number;
      label?: string;
      attributes?: Record<string, unknown>;
    };

/** What a component made of a batch: the bytes of the lines that it used, and events as they cross the border. */
export class Batch {
  constructor(bytes: Uint8Array, columns: Columns, consumed: number);
  readonly bytes: Uint8Array;
  readonly columns: Columns;
  readonly consumed: number;
  /** The events in order, dropped ones included. */
  rows(): Row[];
}

/** The first try of a task, as Airflow's default layout has it. */
export function origin(changes?: Partial<LogStream>): LogStream;
/** Cuts bytes into lines as the host does. */
export function lines(data: string | Uint8Array, last?: boolean): Lines;
/** Feeds a normalizer some bytes. */
export function normalize(
  normalizer: Normalizer,
  data: string | Uint8Array,
  options?: { last?: boolean; origin?: LogStream },
): Batch;
/** Events for a transformer. */
export function events(rows: Given[]): Batch;
/** Feeds a transformer what the stage before it made, or events as `events` takes them. */
export function transform(transformer: Transformer, given: Batch | Given[], options?: { origin?: LogStream }): Batch;
/** Asks a router. */
export function route(
  router: Router,
  standard: Target,
  options?: { label?: string; sink?: Sink; origin?: LogStream },
): Target | undefined;
