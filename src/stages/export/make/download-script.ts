import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Stands beside `src` in the repository and beside `dist` in the package. */
const FILE = join(import.meta.dirname, "../../../../templates/download.py");

/** `download.py`: fetches what `images.csv` lists, with Python alone, where the training is. */
export function downloadScript(): Buffer {
  return readFileSync(FILE);
}
