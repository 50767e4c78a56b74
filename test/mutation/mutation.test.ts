import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createMutants } from "./mutants.ts";
import { readSurvivors } from "./survivors.ts";
import { TARGETS, testsOf } from "./targets.ts";

const root = join(import.meta.dirname, "../..");
const exists = (path: string): boolean => existsSync(join(root, path));

describe("the targets of mutation", () => {
  it.each(TARGETS.map((target) => [target.file, target] as const))("%s exists, with its tests", (file, target) => {
    expect(exists(file)).toBe(true);
    const tests = testsOf(target, exists);
    expect(tests.length).toBeGreaterThan(0);
    expect(tests.filter((test) => !exists(test))).toEqual([]);
  });

  it("have their accepted survivors, each with a reason, in code that is still there", () => {
    const mutants = new Map(
      [...new Set(readSurvivors().map(({ file }) => file))].map((file) => [file, createMutants(readFileSync(join(root, file), "utf8"))]),
    );
    const gone = readSurvivors().filter(
      ({ file, before, after }) => !mutants.get(file)?.some((mutant) => mutant.before === before && mutant.after === after),
    );
    expect(gone).toEqual([]);
    expect(readSurvivors().filter(({ reason }) => reason.length < 10)).toEqual([]);
  });
});

describe("createMutants()", () => {
  const changes = (source: string): readonly string[] => createMutants(source).map(({ after }) => after);

  it.each([
    ["const a = b < c;", ["const a = b <= c;"]],
    ["const a = b + 2;", ["const a = b - 2;", "const a = b + 3;", "const a = b + 1;"]],
    ["const a = b && !c;", ["const a = b || !c;", "const a = b && c;"]],
    ["const a = b ?? c;", ["const a = b;"]],
    ['if (a === "x") b();', ['if (!(a === "x")) b();', 'if (a !== "x") b();', 'if (a === "") b();', 'if (a === "x") ;']],
    ["function f() { a(); b(); }", ["function f() {}", "function f() { ; b(); }", "function f() { a(); ; }"]],
    ['const a: "x" = b as 3;', []],
    ['import a from "x";', []],
    ['throw new UsageError("no" + 1);', [";"]],
  ])("changes %s", (source, expected) => {
    expect(changes(source)).toEqual(expected);
  });

  it("says the line, and holds the whole changed file", () => {
    expect(createMutants("a;\nconst b = true;\nc;")[1]).toEqual({
      line: 2,
      before: "const b = true;",
      after: "const b = false;",
      code: "a;\nconst b = false;\nc;",
    });
  });
});
