import { formatPath, type Path } from "./path.ts";

/** One thing wrong with a configuration. */
export interface Problem {
  readonly path: Path;
  /** The part that a message points at: the value, or the key itself. */
  readonly part?: "key" | "value";
  /** A whole sentence without a full stop, naming the path; no secret in it. */
  readonly message: string;
}

/** Returns a problem whose message is the path, as users write it, and what is wrong there. */
export function problemAt(path: Path, what: string, part: "key" | "value" = "value"): Problem {
  return { path, part, message: `${formatPath(path)}${what}` };
}

/** Finds values that stand in a list twice; null stands for a value that is wrong by itself. */
export function findTwice(values: readonly (string | null)[], pathOf: (index: number) => Path): readonly Problem[] {
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    return value === null || first === index ? [] : [problemAt(pathOf(index), ` is the same as ${formatPath(pathOf(first))}`)];
  });
}
