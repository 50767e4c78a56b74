/** Time that repeats of a line are gathered before they are printed, ms; each further time twice as long. */
const FIRST_WINDOW_MS = 30_000;
/** A line that repeats all night is printed at least this often, ms. */
const LONGEST_WINDOW_MS = 600_000;
/** Lines about a server that differ only in ids and times and are printed one by one in a window. More say nothing new. */
const ALIKE_PRINTED = 5;
/** Kinds of lines remembered. Beyond that the oldest is printed and forgotten. */
const KINDS_MAX = 500;
/** The parts in which repeated lines differ: UUIDs, ids in hex, times. */
const VARYING = /\b[\da-f]{8}-[\da-f-]{27}\b|[\da-f]{12,}|\b\d+ m?s\b/g;
/** Warnings that servers cause for one image after another. Other lines about images each name one that a person is to look at. */
const ABOUT_A_SERVER = /https?:\/\//;

interface Kind<Line> {
  sinceMs: number;
  windowMs: number;
  /** Keyed by text: how often it came in this window, including the time that it was printed. */
  readonly printed: Map<string, { line: Line; count: number; isOld: boolean }>;
  /** Lines of this kind that were not printed. */
  others: number;
  lastOther: { readonly text: string; readonly line: Line } | null;
}

/** A line that stands for several. */
interface Folded<Line> {
  readonly text: string;
  readonly line: Line;
  /** "38 times in 30 s", "and 7 more like it in 30 s"; "" if the line stands for itself. */
  readonly note: string;
  readonly count: number;
  readonly inMs: number;
}

interface RepeatFold<Line> {
  /** Returns true if the line is to be printed now. Otherwise it is counted, and printed later. */
  take(text: string, line: Line): boolean;
  /** Returns the lines to print by now; with `all`: all that are left. */
  due(options?: { readonly all: boolean }): readonly Folded<Line>[];
}

/**
 * Folds lines that repeat: the first is printed at once, the others are counted and printed when their window is over. Lines about a server
 * that differ only in ids and times fold likewise, after the first few; with `onlyEqual` none do.
 */
export function createRepeatFold<Line>(nowMs: () => number, { onlyEqual = false } = {}): RepeatFold<Line> {
  const kinds = new Map<string, Kind<Line>>();
  let overflow: Folded<Line>[] = [];
  let dueAtMs = Infinity;

  const noteDue = (): void => void (dueAtMs = Math.min(Infinity, ...[...kinds.values()].map((kind) => kind.sinceMs + kind.windowMs)));

  function summarize({ printed, others, lastOther, sinceMs }: Kind<Line>): Folded<Line>[] {
    const inMs = nowMs() - sinceMs;
    const seconds = `${Math.max(1, Math.round(inMs / 1_000))} s`;
    const repeated = [...printed].flatMap(([text, { line, count, isOld }]): Folded<Line>[] =>
      count > (isOld ? 0 : 1) ? [{ text, line, note: `${count} ${count === 1 ? "time" : "times"} in ${seconds}`, count, inMs }] : [],
    );
    if (lastOther === null) return repeated;
    const note = others > 1 ? `and ${others - 1} more like it in ${seconds}` : "";
    return [...repeated, { ...lastOther, note, count: others, inMs }];
  }

  function kindOf(text: string): Kind<Line> {
    const key = !onlyEqual && ABOUT_A_SERVER.test(text) ? text.replaceAll(VARYING, "#") : text;
    const known = kinds.get(key);
    if (known !== undefined) return known;
    const [oldest] = kinds;
    if (oldest !== undefined && kinds.size >= KINDS_MAX) {
      overflow.push(...summarize(oldest[1]));
      kinds.delete(oldest[0]);
    }
    const kind: Kind<Line> = { sinceMs: nowMs(), windowMs: FIRST_WINDOW_MS, printed: new Map(), others: 0, lastOther: null };
    kinds.set(key, kind);
    dueAtMs = Math.min(dueAtMs, kind.sinceMs + kind.windowMs);
    return kind;
  }

  return {
    take(text, line) {
      const kind = kindOf(text);
      const same = kind.printed.get(text);
      if (same !== undefined) {
        same.count++;
        return false;
      }
      if (kind.printed.size < ALIKE_PRINTED) {
        kind.printed.set(text, { line, count: 1, isOld: false });
        return true;
      }
      kind.others++;
      kind.lastOther = { text, line };
      return false;
    },
    due({ all } = { all: false }) {
      if (!all && overflow.length === 0 && nowMs() < dueAtMs) return [];
      const lines = overflow;
      overflow = [];
      for (const [key, kind] of kinds) {
        if (!all && nowMs() < kind.sinceMs + kind.windowMs) continue;
        const own = summarize(kind);
        lines.push(...own);
        if (own.length === 0 || all) {
          kinds.delete(key);
          continue;
        }
        // It goes on, most likely: gathered from now on, and for longer.
        Object.assign(kind, { sinceMs: nowMs(), windowMs: Math.min(2 * kind.windowMs, LONGEST_WINDOW_MS), others: 0, lastOther: null });
        for (const printed of kind.printed.values()) Object.assign(printed, { count: 0, isOld: true });
      }
      noteDue();
      return lines;
    },
  };
}
