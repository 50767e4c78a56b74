import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fileProblem } from "../../src/lib/file-problem.ts";

it("puts what the system says into words", () => {
  const told = ["/nowhere/at all", import.meta.dirname].map((path) => {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      return fileProblem(error);
    }
  });
  expect(told).toEqual(["there is no such file", "it is a folder"]);
  expect(fileProblem(new Error("other"))).toBe("other");
});
