/** Parts of a machine that some tests need and that npm does not bring. */
export type Part = "seaweedfs" | "chromium" | "python3";

/**
 * True if the part is there. Where it is not, tests that need it are skipped by name; with REQUIRE_ALL_PARTS=1 that is an error,
 * so that an automatic check cannot pass by skipping.
 */
export function requirePart(part: Part, found: boolean): boolean {
  if (found) return true;
  if (process.env["REQUIRE_ALL_PARTS"] === "1") throw new Error(`${part} is missing and REQUIRE_ALL_PARTS=1 allows no skip`);
  process.stderr.write(`skipped: tests on ${part}, because it was not found (see CONTRIBUTING.md, "Run it")\n`);
  return false;
}
