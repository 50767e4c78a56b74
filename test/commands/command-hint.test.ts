import { resolve } from "node:path";
import { expect, it } from "vitest";
import { commandHint } from "../../src/commands/command-hint.ts";

it.each([
  ["configs/pipeline.yaml", "pnpm pipeline status"],
  [resolve("configs/pipeline.yaml"), "pnpm pipeline status"],
  ["configs/demo.yaml", "npx -y pnpm@12.3 pipeline status -c configs/demo.yaml"],
  ["configs/mine.yaml", "pnpm pipeline status -c configs/mine.yaml"],
  ["my sets/it's.yaml", String.raw`pnpm pipeline status -c 'my sets/it'\''s.yaml'`],
])("with %s is %s", (file, hint) => {
  expect(commandHint("status", file)).toBe(hint);
});
