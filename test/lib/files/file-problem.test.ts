import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fileHint, fileProblem } from "../../../src/lib/files/file-problem.ts";

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

it("does not blame a folder's rights for what is no fault of theirs", () => {
  const raised = (code: string): Error => Object.assign(new Error(code), { code, syscall: "open" });
  expect(fileHint(raised("EACCES"), "change its rights")).toBe("change its rights");
  expect(fileHint(raised("EMFILE"), "change its rights")).toContain("ulimit -n");
  expect(fileHint(raised("ENFILE"), "change its rights")).toContain("ulimit -n");
  expect(fileHint(raised("ENOSPC"), "change its rights")).toContain("free space");
});
