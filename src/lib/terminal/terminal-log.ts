import type { Writable } from "node:stream";
import type { Clock } from "../clock.ts";
import { stringifyExact, type JsonObject } from "../exact-json.ts";
import { createRepeatFold } from "./fold-repeats.ts";
import { withoutHiddenWords } from "./hidden-words.ts";
import { printable } from "./printable.ts";
import { createRateMeter, type RateMeter } from "../rate-meter.ts";
import { LOG_LEVELS, type Log, type LogLevel, type Progress } from "../log.ts";

/** Time between two redraws of the live bars, ms. More than ten a second cannot be read. */
const REDRAW_MS = 100;
/** Time between two plain progress lines if stdout is no terminal, ms. */
const PLAIN_LINE_MS = 30_000;
const BAR_WIDTH = 24;

export interface TerminalLogOptions {
  readonly level: LogLevel;
  /** Events go to stdout. */
  readonly json: boolean;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stdout: Writable;
  readonly clock: Clock;
}

export interface TerminalLog extends Log {
  /** Writes a result to stdout. On a terminal it takes the bars' place, so that no later redraw wipes it. */
  print(text: string): void;
  /** Tells at once what was held back because it repeated. */
  printRepeats(): void;
  /** Takes the bars away: what remains are messages and results, and a bar with an ETA after the end would only confuse. */
  close(): void;
}

interface Track {
  latest: Progress;
  readonly rate: RateMeter;
}

/** Messages and live bars on stderr, events on stdout. */
export function createTerminalLog({ level, json, stderr, stdout, clock }: TerminalLogOptions): TerminalLog {
  const tracks = new Map<string, Track>();
  const live = stderr.isTTY === true && level !== "error";
  let drawnLines = 0;
  let drawnAtMs = 0;

  const clear = (): void => {
    if (drawnLines > 0) stderr.write(`\r\u001B[${drawnLines}A\u001B[0J`);
    drawnLines = 0;
  };
  const draw = (): void => {
    clear();
    const width = (stderr.columns ?? 120) - 1;
    const lines = [...tracks].flatMap(([stage, track]) => {
      const details = (track.latest.details?.() ?? []).map((detail) => `  ${printable(detail)}`);
      return [line(stage, track, clock.nowMs()), ...details].map((text) => withoutHiddenWords(text).slice(0, width));
    });
    if (lines.length > 0) stderr.write(`${lines.join("\n")}\n`);
    drawnLines = lines.length;
    drawnAtMs = clock.nowMs();
  };
  const print = (text: string): void => {
    clear();
    stdout.write(`${withoutHiddenWords(text)}\n`);
  };
  const messages = createRepeatFold<LogLevel>(() => clock.nowMs());
  const events = createRepeatFold<JsonObject>(() => clock.nowMs(), { onlyEqual: true });
  const write = (at: LogLevel, message: string): void => {
    if (live) clear();
    stderr.write(`${at === "error" ? "Error: " : at === "warn" ? "Warning: " : ""}${printable(withoutHiddenWords(message))}\n`);
    if (live) draw();
  };
  /** Tells what repeated meanwhile. */
  const printRepeats = (options?: { readonly all: boolean }): void => {
    for (const { line: at, text, note } of messages.due(options)) write(at, note === "" ? text : `${text} (${note})`);
    for (const { line: fields, count, inMs } of events.due(options))
      print(stringifyExact({ ...fields, times: count, in_s: Math.round(inMs / 1_000) }));
  };
  const say = (at: LogLevel, message: string): void => {
    printRepeats();
    if (LOG_LEVELS.indexOf(at) <= LOG_LEVELS.indexOf(level) && messages.take(message, at)) write(at, message);
  };

  return {
    error: (message) => say("error", message),
    warn: (message) => say("warn", message),
    info: (message) => say("info", message),
    debug: (message) => say("debug", message),
    event(event, fields) {
      printRepeats();
      if (!json) return;
      const whole = { event, ...fields };
      const text = stringifyExact(whole);
      if (events.take(text, whole)) print(text);
    },
    progress(stage, latest) {
      printRepeats();
      const nowMs = clock.nowMs();
      const track = tracks.get(stage) ?? { latest, rate: createRateMeter(latest.done, nowMs) };
      track.latest = latest;
      tracks.set(stage, track);
      if (nowMs - drawnAtMs < (live ? REDRAW_MS : PLAIN_LINE_MS)) return;
      if (live) draw();
      else if (level !== "error" && drawnAtMs > 0)
        for (const [name, each] of tracks) stderr.write(`${withoutHiddenWords(line(name, each, nowMs))}\n`);
      drawnAtMs = nowMs;
    },
    print,
    printRepeats: () => printRepeats({ all: true }),
    close() {
      printRepeats({ all: true });
      clear();
    },
  };
}

function line(stage: string, track: Track, nowMs: number): string {
  const { done, total, failed, note } = track.latest;
  const perSecond = track.rate.read(done, nowMs);
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
  const eta = perSecond > 0 && done < total ? ` · ${duration((total - done) / perSecond)} left` : "";
  const failures = failed > 0 ? ` · ${failed} failed` : "";
  return `${stage.padEnd(9)} ${bar} ${done}/${total} · ${perSecond.toFixed(1)}/s${eta}${failures}${note === undefined ? "" : ` · ${note}`}`;
}

function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${Math.ceil(seconds)} s`;
}
