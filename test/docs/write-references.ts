import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandsReference } from "./commands-reference.ts";
import { configurationReference } from "./configuration-reference.ts";

// `pnpm docs:generate`: writes the pages of docs/reference/ anew.

const ROOT = join(import.meta.dirname, "../..");
export const REFERENCES = {
  "docs/reference/commands.md": commandsReference,
  "docs/reference/configuration.md": configurationReference,
} as const;

if (import.meta.main) {
  for (const [file, text] of Object.entries(REFERENCES)) writeFileSync(join(ROOT, file), text());
  execFileSync(process.execPath, [join(ROOT, "node_modules/oxfmt/bin/oxfmt"), ...Object.keys(REFERENCES)], { cwd: ROOT, stdio: "inherit" });
}
