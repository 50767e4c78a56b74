import { describe, expect, it } from "vitest";
import { uploadFolders } from "../../../src/config/resolve-config.ts";
import { loadText, problemsIn, refusalOf, REQUIRED } from "../config-text.ts";

/** Two workflows with these uploads. */
const twoWorkflows = (first: string, second: string): string => {
  const workflow = (uploads: string) =>
    `{ file: w.json, bind: { prompt: none, seed: 4.seed, pose: 1.image, depth: 2.image }, uploads: ${uploads} }`;
  const rest = REQUIRED.split("\n").filter((line) => !line.startsWith("workflow"));
  return [
    ...rest,
    `workflows:`,
    `  one: ${workflow(first)}`,
    `  two: ${workflow(second)}`,
    `candidates: { variants: [{ name: a, workflow: one }] }`,
    "",
  ].join("\n");
};

describe("uploads of several workflows", () => {
  it("may name the same folder, and files of their own", () => {
    const { workflows } = loadText(twoWorkflows("{ pose: refs/ }", "{ pose: ./refs, depth: maps }"));
    expect(uploadFolders(workflows)).toEqual({ pose: expect.stringMatching(/\/refs$/), depth: expect.stringMatching(/\/maps$/) });
  });

  it("are refused where one name means two folders", () => {
    expect(problemsIn(refusalOf(twoWorkflows("{ pose: refs }", "{ pose: other }")))).toEqual([
      expect.stringMatching(/^line \d+, column \d+: workflows\.two\.uploads\.pose is another folder than workflows\.one\.uploads\.pose/),
    ]);
  });
});
