import { fork, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createMutants, type Mutant } from "./mutants.ts";
import type { Order, Outcome } from "./runner.ts";
import { readSurvivors, type Survivor } from "./survivors.ts";
import { TARGETS, testsOf, type Target } from "./targets.ts";

// `pnpm mutate [FILE …] [--every N]`: changes the targets one small change at a time, runs the tests that belong to each, and says which
// changes they did not notice. Exit 1 where a file's score is below the least, 85 %. --every 5 tries each fifth mutant, for a quick look.

const LEAST_SCORE = 0.85;
/** A mutant may take this many times as long as the unchanged file, and no less than the second number, ms. */
const SLOWER = 5;
const LEAST_MS = 10_000;

const root = join(import.meta.dirname, "../..");
const args = process.argv.slice(2);
const everyAt = args.indexOf("--every");
const every = everyAt < 0 ? 1 : Number(args.splice(everyAt, 2)[1]);
const chosen = args.length === 0 ? TARGETS : args.map(targetNamed);
const accepted = readSurvivors();

let below = 0;
for (const target of chosen) {
  const score = await mutateTarget(target);
  if (score < LEAST_SCORE) below++;
}
process.exitCode = below > 0 ? 1 : 0;

function targetNamed(file: string): Target {
  return TARGETS.find((target) => target.file === file) ?? { file };
}

async function mutateTarget(target: Target): Promise<number> {
  const { file } = target;
  const tests = testsOf(target, (path) => existsSync(join(root, path)));
  if (tests.length === 0) throw new Error(`Cannot mutate ${file}: it has no test file; list one in test/mutation/targets.ts`);
  const mutants = createMutants(readFileSync(join(root, file), "utf8")).filter((_, index) => index % every === 0);
  const triaged = accepted.filter((survivor) => survivor.file === file);
  const tried = mutants.filter((mutant) => !triaged.some((survivor) => isOf(survivor, mutant)));
  let runner = await startRunner(file, tests);
  const started = Date.now();
  const unchanged = await runMutant(runner, null, 120_000);
  if (unchanged === null || !unchanged.passed || unchanged.tests === 0)
    throw new Error(`Cannot mutate ${file}: its tests fail without a change: ${unchanged?.errors.join("; ") ?? "no end"}`);
  const limit = Math.max(LEAST_MS, SLOWER * (Date.now() - started));
  const survivors: Mutant[] = [];
  for (const mutant of tried) {
    const outcome = await runMutant(runner, mutant.code, limit);
    if (outcome?.passed === true) survivors.push(mutant);
    if (outcome !== null) continue;
    runner.kill("SIGKILL");
    runner = await startRunner(file, tests);
  }
  runner.kill("SIGKILL");
  const score = tried.length === 0 ? 1 : 1 - survivors.length / tried.length;
  const triagedText = mutants.length === tried.length ? "" : `, ${mutants.length - tried.length} triaged`;
  console.log(`${file}: ${(100 * score).toFixed(1)} % of ${tried.length} mutants found${triagedText}`);
  for (const { line, before, after } of survivors) console.log(`  ${file}:${line}\n    - ${before}\n    + ${after}`);
  return score;
}

function isOf(survivor: Survivor, { before, after }: Mutant): boolean {
  return survivor.before === before && survivor.after === after;
}

async function startRunner(file: string, tests: readonly string[]): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, "runner.ts"), [file, ...tests], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await nextMessage(child, 120_000);
  return child;
}

/** Runs the tests against a mutant. Returns null where they have not ended within `limit` ms, or their process died. */
async function runMutant(runner: ChildProcess, code: string | null, limit: number): Promise<Outcome | null> {
  runner.send({ code } satisfies Order);
  return (await nextMessage(runner, limit)) as Outcome | null; // The runner sends nothing else after "ready".
}

function nextMessage(child: ChildProcess, limit: number): Promise<unknown> {
  return new Promise((resolve) => {
    const settle = (value: unknown): void => {
      clearTimeout(timer);
      child.off("message", settle);
      child.off("exit", onExit);
      resolve(value);
    };
    const onExit = (): void => settle(null);
    const timer = setTimeout(() => settle(null), limit);
    child.on("message", settle);
    child.on("exit", onExit);
  });
}
