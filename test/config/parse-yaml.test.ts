import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseYaml } from "../../src/config/parse-yaml.ts";
import { ConfigError } from "../../src/errors.ts";

const CYCLIC = readFileSync(join(import.meta.dirname, "../fixtures/config/cyclic_alias.yaml"), "utf8");
const laughs = ["a: &a0 [x, x, x, x, x, x, x, x, x]"];
for (let level = 1; level < 10; level++)
  laughs.push(
    `b${level}: &a${level} [${Array(9)
      .fill(`*a${level - 1}`)
      .join(", ")}]`,
  );

describe("parseYaml() of what never ends", () => {
  test.each([
    ["an alias of the mapping around it", CYCLIC, /line 2, column 9: \*a stands inside of &a/],
    ["an alias of the list around it", "servers: &s\n  - url\n  - [*s]\n", /line 3, column 6: \*s stands inside of &s/],
    ["a merge of the mapping around it", "a: &x\n  b: 1\n  <<: *x\n", /line 3, column 7: \*x stands inside of &x/],
    ["an alias of a mapping further out", "a: &x\n  b:\n    c: { d: *x }\n", /line 3, column 13: \*x/],
    ["aliases of aliases", laughs.join("\n"), /alias/i],
    ["lists in lists", `a: ${"[".repeat(10_000)}${"]".repeat(10_000)}`, /nested more than 100 levels deep/],
    ["mappings in mappings", `a: ${"{b: ".repeat(3_000)}1${"}".repeat(3_000)}`, /nested more than 100 levels deep/],
    [
      "an indent that grows",
      Array.from({ length: 400 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
      /nested more than 100 levels deep/,
    ],
  ])("refuses %s", (_what, text, message) => {
    let error: unknown;
    try {
      parseYaml(text, { file: "mine.yaml" });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(message);
    expect(String(error)).toContain("mine.yaml");
  });

  test("takes an alias of what ended before it", () => {
    expect(parseYaml("a: &x { b: 1 }\nc: *x\nd: [*x, { <<: *x }]\n", { file: "f" }).value).toEqual({
      a: { b: 1 },
      c: { b: 1 },
      d: [{ b: 1 }, { b: 1 }],
    });
  });
});
