/** A file that is mutated, and the tests that must notice. */
export interface Target {
  readonly file: string;
  /** Besides `test/…/X.test.ts` of `src/…/X.ts`, where that exists. */
  readonly tests?: readonly string[];
}

/** The rules whose tests are measured by mutation: the one list, from the root of the repository. */
export const TARGETS: readonly Target[] = [
  { file: "src/identity.ts" },
  { file: "src/images/verify.ts" },
  { file: "src/lib/retry.ts" },
  { file: "src/lib/round-decimals.ts" },
  { file: "src/page/server/guard.ts" },
  { file: "src/stages/annotate/link/pairs.ts", tests: ["test/stages/annotate/link/pairs-properties.test.ts"] },
  { file: "src/stages/export/rows/row.ts" },
  { file: "src/stages/export/split.ts" },
  { file: "src/stages/generate/health/blame.ts", tests: ["test/stages/generate/health/health.test.ts"] },
  { file: "src/stages/generate/health/health.ts" },
  { file: "src/stages/generate/health/trust.ts", tests: ["test/stages/generate/health/health.test.ts"] },
  { file: "src/stages/generate/health/verdicts.ts", tests: ["test/stages/generate/health/health.test.ts"] },
  { file: "src/stages/generate/outcome.ts" },
  { file: "src/stages/generate/schedule.ts" },
];

/** The tests of a target: the one that mirrors it, where it exists, and those it lists. */
export function testsOf({ file, tests = [] }: Target, exists: (path: string) => boolean): readonly string[] {
  const mirrored = file.replace(/^src\//, "test/").replace(/\.ts$/, ".test.ts");
  return exists(mirrored) ? [mirrored, ...tests] : tests;
}
