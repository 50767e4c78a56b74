/** How long repeats of a line are gathered before they are told, ms; each further time twice as long. */
const FIRST_WINDOW_MS = 30_000;
/** A line that repeats all night is told so often at least, ms. */
const LONGEST_WINDOW_MS = 600_000;
/** Lines about a server that differ in nothing but ids and times are told one by one up to so many in a window: more say nothing new. */
const ALIKE_SAID = 5;
/** Kinds of lines remembered; beyond it the oldest is told and forgotten. */
const KINDS_MAX = 500;
/** What two such lines differ in: UUIDs, ids in hex, times. */
const VARYING = /\b[\da-f]{8}-[\da-f-]{27}\b|[\da-f]{12,}|\b\d+ m?s\b/g;
/** What servers do to one image after another. Other lines about images each name one that a person is to look at. */
const ABOUT_A_SERVER = /https?:\/\//;

interface Kind<Line> {
  sinceMs: number;
  windowMs: number;
  /** By text: how often it came in this window, the time that it was said included where it was. */
  readonly said: Map<string, { line: Line; count: number; isOld: boolean }>;
  /** Alike, and not said. */
  others: number;
  lastOther: { readonly text: string; readonly line: Line } | null;
}

/** A line that stands for several. */
interface Folded<Line> {
  readonly text: string;
  readonly line: Line;
  /** "38 times in 30 s", "and 7 more like it in 30 s"; "" where the line stands for itself. */
  readonly note: string;
  readonly count: number;
  readonly inMs: number;
}

interface RepeatFold<Line> {
  /** True if the line is to be said now; else it is counted, and told later. */
  take(text: string, line: Line): boolean;
  /** What is to be told by now; `all`: what is left at the end. */
  due(options?: { readonly all: boolean }): readonly Folded<Line>[];
}

/**
 * Folds lines that repeat: the first is said at once, the others are counted and told when their window is over. Lines about a server
 * that differ only in ids and times fold likewise, after the first few; with `onlyEqual` none do.
 */
export function createRepeatFold<Line>(nowMs: () => number, { onlyEqual = false } = {}): RepeatFold<Line> {
  const kinds = new Map<string, Kind<Line>>();
  let overflow: Folded<Line>[] = [];
  let dueAtMs = Infinity;

  const noteDue = (): void => void (dueAtMs = Math.min(Infinity, ...[...kinds.values()].map((kind) => kind.sinceMs + kind.windowMs)));

  function tell({ said, others, lastOther, sinceMs }: Kind<Line>): Folded<Line>[] {
    const inMs = nowMs() - sinceMs;
    const seconds = `${Math.max(1, Math.round(inMs / 1_000))} s`;
    const repeated = [...said].flatMap(([text, { line, count, isOld }]): Folded<Line>[] =>
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
      overflow.push(...tell(oldest[1]));
      kinds.delete(oldest[0]);
    }
    const kind: Kind<Line> = { sinceMs: nowMs(), windowMs: FIRST_WINDOW_MS, said: new Map(), others: 0, lastOther: null };
    kinds.set(key, kind);
    dueAtMs = Math.min(dueAtMs, kind.sinceMs + kind.windowMs);
    return kind;
  }

  return {
    take(text, line) {
      const kind = kindOf(text);
      const same = kind.said.get(text);
      if (same !== undefined) {
        same.count++;
        return false;
      }
      if (kind.said.size < ALIKE_SAID) {
        kind.said.set(text, { line, count: 1, isOld: false });
        return true;
      }
      kind.others++;
      kind.lastOther = { text, line };
      return false;
    },
    due({ all } = { all: false }) {
      if (!all && overflow.length === 0 && nowMs() < dueAtMs) return [];
      const told = overflow;
      overflow = [];
      for (const [key, kind] of kinds) {
        if (!all && nowMs() < kind.sinceMs + kind.windowMs) continue;
        const lines = tell(kind);
        told.push(...lines);
        if (lines.length === 0 || all) {
          kinds.delete(key);
          continue;
        }
        // It goes on, most likely: gathered from now on, and for longer.
        Object.assign(kind, { sinceMs: nowMs(), windowMs: Math.min(2 * kind.windowMs, LONGEST_WINDOW_MS), others: 0, lastOther: null });
        for (const said of kind.said.values()) Object.assign(said, { count: 0, isOld: true });
      }
      noteDue();
      return told;
    },
  };
}
