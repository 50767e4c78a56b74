import type { Path } from "./path.ts";

/** One thing wrong with a configuration. */
export interface Problem {
  readonly path: Path;
  /** What to point at: the value, or the key itself. */
  readonly part?: "key" | "value";
  /** A whole sentence without a full stop, naming the path; no secret in it. */
  readonly message: string;
}
