import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A mutant that no test can or need notice, with the reason. `before` and `after` are the changed lines, without line breaks. */
export interface Survivor {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
}

/** Reads the triaged survivors, `survivors.json`. */
export function readSurvivors(): readonly Survivor[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "survivors.json"), "utf8")) as Survivor[]; // A test holds its form.
}
