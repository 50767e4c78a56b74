import type { JsonObject } from "./exact-json.ts";

export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** The progress of a stage. Counts never go down; `total` may grow while earlier stages add work. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  /** Per server, what is in flight, …: short, for people. */
  readonly note?: string;
  /** Lines below the bar on a live terminal: one a server. */
  readonly details?: () => readonly string[];
}

/** Takes messages for people and events (`--json`) for scripts. No secrets in either. */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** One NDJSON line with --json, else nothing. */
  event(event: string, fields: JsonObject): void;
  /** Updates the stage's progress line. Cheap: may be called for every item. */
  progress(stage: string, progress: Progress): void;
}
