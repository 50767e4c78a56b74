import { join } from "node:path";
import { createVitest } from "vitest/node";

// A process of its own that holds one vitest, and runs the tests of one file against each mutant of it. The mutant lives in memory: no file
// is written. Its parent ends it when a mutant never does.

/** The code to put in the file's place; null for the file as it is. */
export interface Order {
  readonly code: string | null;
}

export interface Outcome {
  readonly passed: boolean;
  readonly tests: number;
  readonly errors: readonly string[];
}

const root = join(import.meta.dirname, "../..");
const [file = "", ...tests] = process.argv.slice(2);
const target = join(root, file);
let code: string | null = null;

const vitest = await createVitest(
  {
    root,
    config: false,
    watch: false,
    include: tests,
    setupFiles: [join(import.meta.dirname, "stop-at-first.ts")],
    testTimeout: 20_000,
    pool: "threads",
    isolate: false,
    // The cache goes by the file on the disk, which no mutant changes.
    fsModuleCache: false,
    maxWorkers: 1,
    reporters: [{}],
    silent: true,
  },
  {
    plugins: [
      {
        name: "mutant",
        enforce: "pre",
        transform: (_source: string, id: string) => (id === target && code !== null ? { code, map: null } : null),
      },
    ],
    logLevel: "silent",
  },
);
const specifications = await vitest.globTestSpecifications();

process.on("message", (order: Order) => {
  void run(order).then((outcome) => process.send?.(outcome));
});
process.send?.("ready");

async function run(order: Order): Promise<Outcome> {
  code = order.code;
  vitest.invalidateFile(target);
  vitest.state.clearErrors();
  const { testModules, unhandledErrors } = await vitest.rerunTestSpecifications(specifications, false);
  const errors = [
    ...unhandledErrors.map(String),
    ...testModules.flatMap((module) => module.errors().map(({ message }) => message)),
    ...testModules.flatMap((module) =>
      [...module.children.allTests("failed")].map((test) => `${test.fullName}: ${test.result().errors?.[0]?.message ?? ""}`),
    ),
  ];
  const count = testModules.reduce((sum, module) => sum + [...module.children.allTests()].length, 0);
  return { passed: errors.length === 0 && testModules.every((module) => module.ok()), tests: count, errors };
}
