import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

// Python's json module writes NaN and Infinity, which JSON.parse and parseExact refuse: what ComfyUI, its nodes or another Python program
// wrote is read by lib/python-json.ts. Each file that reads JSON otherwise says here who wrote it.

const SRC = join(import.meta.dirname, "../src");

const OURS = "this program wrote it";
const USERS = "a person or another program wrote it for us, in JSON as documented";

const STRICT_READERS: Readonly<Record<string, string>> = {
  "lib/exact-json.ts": "the strict reader itself",
  "lib/python-json.ts": "the reader of Python's JSON itself",
  "program-version.ts": "our package.json",
  "db/migration-functions.ts": "databases of earlier versions, whose graphs were refused where they held NaN",
  "db/open.ts": "drizzle-kit's journal of our migrations",
  "emulator/python-json.ts": "one quoted string: the emulator plays Python itself",
  "emulator/images/recipe.ts": OURS,
  "commands/demo.ts": OURS,
  "commands/config-changes.ts": OURS,
  "page/server/tasks/settle-prompt.ts": OURS,
  "page/server/images/prepare-ahead.ts": OURS,
  "page/server/tasks/give-tasks.ts": OURS,
  "page/server/tasks/compose-task.ts": OURS,
  "page/server/lead/agreement.ts": OURS,
  "page/server/tasks/comparison-feed.ts": OURS,
  "page/web/ask-server.ts": OURS,
  "page/server/api-routes.ts": "the page wrote it",
  "page/server/tasks/read-gold.ts": USERS,
  "prompts/jsonl.ts": USERS,
  "stages/adopt/read-line.ts": USERS,
  "votes/formats/read-records.ts": USERS,
  "votes/formats/jsonl.ts": USERS,
  "stores/ownership.ts": OURS,
  "stages/export/export.ts": OURS,
  "stages/export/rows/row.ts": OURS,
  "stages/export/tables/votes.ts": OURS,
  "exporters/table-row.ts": OURS,
  "stages/export/check/check-row.ts": "an exported version: strict on purpose",
  "stages/export/versions/since.ts": "an exported version: strict on purpose",
  "stages/export/make/manifest.ts": "an exported version: strict on purpose",
  "stages/export/versions/diff-versions.ts": "an exported version: strict on purpose",
  "stages/annotate/link/read-groups.ts": OURS,
  "stages/plan/refuse-mixing.ts": "bindings, which this program wrote; the graph beside them is read as Python's",
  "stages/generate/server/uploads.ts": OURS,
  "stages/generate/server/server-bounds.ts": "values of prompts, which this program wrote",
  "stages/harvest/expect-image.ts": OURS,
  "stages/generate/variant-cache.ts": "bindings and values, which this program wrote; the graph beside them is read as Python's",
};

it("reads what Python wrote with parsePython(), and nothing else strictly without a reason", () => {
  const strict = readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /\.tsx?$/.test(name))
    .filter((name) => /\bJSON\.parse\b|\bparseExact\(|\.json\(\)/.test(withoutComments(readFileSync(join(SRC, name), "utf8"))));
  expect(strict.toSorted(), "read it with parsePython() of lib/python-json.ts, or say above who wrote it").toEqual(
    Object.keys(STRICT_READERS).toSorted(),
  );
});

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, "");
}
