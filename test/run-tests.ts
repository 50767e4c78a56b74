import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// `pnpm test`: runs every test that the machine's parts allow, names each one that it skipped, and ends with a line of counts.

interface JsonReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "comfy-dpo-tests-"));
const reportFile = join(folder, "report.json");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const selected = process.argv.slice(2);
const args = [
  "run",
  "--project",
  "unit",
  "--project",
  "parts",
  "--project",
  "e2e",
  "--project",
  "browser",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${reportFile}`,
  ...selected,
];

const child = spawn(process.execPath, [vitest, ...args], { cwd: root, stdio: "inherit" });
const exitCode = await new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
let report: JsonReport | null = null;
try {
  report = JSON.parse(readFileSync(reportFile, "utf8")) as JsonReport; // vitest's own reporter wrote it.
} catch (error) {
  console.error(`Cannot read vitest's report: ${String(error)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const skipped =
  report?.testResults.flatMap((file) => file.assertionResults.filter((test) => test.status !== "passed" && test.status !== "failed")) ?? [];
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
const skipFails = process.env["REQUIRE_ALL_PARTS"] === "1" && skipped.length > 0;
if (skipFails) console.error(`${skipped.length} tests were skipped, and REQUIRE_ALL_PARTS=1 allows none`);
const broken = exitCode !== 0 || skipFails;
// A file that does not load has no tests that fail; it must not pass for none.
const failed = Math.max(report?.numFailedTests ?? 0, broken ? 1 : 0);
console.log(`${report?.numPassedTests ?? 0} passed, ${failed} failed`);
process.exitCode = broken ? 1 : 0;
