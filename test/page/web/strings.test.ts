import { describe, expect, it } from "vitest";
import { en } from "../../../src/page/web/strings/en.ts";
import { zh } from "../../../src/page/web/strings/zh.ts";

/** Lists every text with its path. Functions are called with sample values. */
function textsOf(value: unknown, path = ""): readonly (readonly [string, string])[] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [[path, String(value("X1", "X2"))]]; // Every text function takes strings or numbers first.
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => textsOf(each, `${path}.${key}`));
}

describe("strings", () => {
  it("have the same texts in both languages, none empty", () => {
    expect(textsOf(zh).map(([path]) => path)).toEqual(textsOf(en).map(([path]) => path));
    for (const [path, text] of [...textsOf(en), ...textsOf(zh)]) expect(text.trim(), path).not.toBe("");
  });

  it("are translated", () => {
    const same = textsOf(zh).filter(([path, text]) => textsOf(en).some(([other, each]) => other === path && each === text));
    expect(same.map(([, text]) => text).filter((text) => /[a-z]{4}/.test(text))).toEqual(["Krippendorff's alpha"]);
  });
});
