import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Names under which systems know it. */
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Chromium: $CHROMIUM_BIN, else in PATH. Undefined if it is nowhere. */
export function findChromium(): string | undefined {
  const inPath = (process.env["PATH"] ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env["CHROMIUM_BIN"] ?? "", ...inPath].find((file) => file !== "" && isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
