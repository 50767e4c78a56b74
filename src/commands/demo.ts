import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startEmulators } from "../emulator/emulator.ts";
import type { Config } from "../config/schema.ts";
import { parseExact } from "../lib/exact-json.ts";
import { ALL_LOCKS, openContext } from "./open-context.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { linkAndExport } from "./run/link-and-export.ts";
import { updatePlan } from "./update-plan.ts";
import { writeReport } from "./report/report.ts";
import { streamStages } from "./run/run.ts";

const DEMO_CONFIG = join(import.meta.dirname, "../../configs/demo.yaml");
const SERVERS = 2;
/** Long enough to see the bars move, short enough for a demo, ms. */
const EXEC_MS = 60;
const ROW_CHARS = 600;

/** The whole pipeline on parts that come with the package: two emulated servers, SQLite, a folder as store, the built-in judge. */
export async function run(given: CommandInput): Promise<CommandResult> {
  // Hints, too, are about the demo's own configuration.
  const input = {
    ...given,
    options: { ...given.options, config: DEMO_CONFIG },
    env: { ...given.env, DEMO_DIR: resolve("runs/demo") },
  };
  const emulators = await startEmulators(SERVERS, { port: 0, execMs: EXEC_MS });
  try {
    const useEmulators = (config: Config): Config => {
      const [server] = config.servers;
      if (server === undefined) return config; // The schema asks for one at least.
      return { ...config, servers: emulators.map(({ url }) => ({ ...server, url })) };
    };
    await using opened = await openContext(input, { locks: ALL_LOCKS, adjust: useEmulators });
    const { context } = opened;
    await updatePlan(context, { options: { prompts: undefined } });
    const { stopped } = await streamStages(context);
    const result = await linkAndExport(context, input, { stopped, exports: !input.stopping.aborted });
    if (input.stopping.aborted) return result;
    // Nobody has voted on a demo: there is nothing to compare its judge with.
    const report = await writeReport(context, { out: join(context.config.dir, "report.html"), calibrations: [], precision: 1 });
    await showResults(context.config, { input, report });
    return result;
  } finally {
    await Promise.all(emulators.map((emulator) => emulator.stop()));
  }
}

interface Results {
  readonly input: Pick<CommandInput, "show">;
  readonly report: string;
}

async function showResults(config: Config, { input, report }: Results): Promise<void> {
  const version = (await readFile(join(config.export.uri, "LATEST"), "utf8")).trim();
  const folder = join(config.export.uri, version);
  const shard = join(folder, "data/train-00000-of-00001.jsonl");
  const [firstRow = ""] = (await readFile(shard, "utf8")).split("\n", 1);
  const card = join(folder, "README.md");
  input.show(
    { event: "demo", rows: shard, card, report, first_row: parseExact(firstRow) },
    `rows    ${shard}\ncard    ${card}\nreport  ${report}\n\n` +
      `The first row:\n${firstRow.length > ROW_CHARS ? `${firstRow.slice(0, ROW_CHARS)}…` : firstRow}`,
  );
}
