import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandVariables } from "../../src/config/expand-variables.ts";
import { loadMore, loadText, problemsOf, REQUIRED } from "./config-text.ts";

const expand = (text: string, env: Readonly<Record<string, string>> = {}) => expandVariables({ key: text }, env);

describe("expandVariables()", () => {
  it.each([
    ["${A}", "1 a"],
    ["x${A}y${B}", "x1 aytwo"],
    ["${A:-d}", "1 a"],
    ["${NONE:-d}", "d"],
    ["${EMPTY:-d}", "d"],
    ["${EMPTY}", ""],
    ["${NONE:-}", ""],
    ["${NONE:-http://h:1/a-b}", "http://h:1/a-b"],
    ["$${A}", "${A}"],
    ["$A {A} $ $$ }", "$A {A} $ $$ }"],
    ["$$${A}", "$${A}"],
  ])("makes %s %j", (text, expected) => {
    expect(expand(text, { A: "1 a", B: "two", EMPTY: "" })).toMatchObject({ value: { key: expected }, problems: [] });
  });

  it.each(["${}", "${1A}", "${A B}", "${A-d}", "${A:=d}", "${A", "x ${A:-b", "${A:-${B}}", "${A:-${B:-c}}"])(
    "refuses %s, and says what is expected",
    (text) => {
      const { problems } = expand(text, { A: "1", B: "2" });
      expect(problems).toEqual([
        { path: ["key"], message: expect.stringMatching(/^key holds \$\{.*expected \$\{NAME\} or \$\{NAME:-default\}/) as string },
      ]);
    },
  );

  it("names the variable that is not set, once for each place", () => {
    const { problems } = expandVariables({ a: ["${X}", "ok"], b: "${X}" }, {});
    expect(problems.map(({ message }) => message)).toEqual([
      "a[0] needs the environment variable X, which is not set",
      "b needs the environment variable X, which is not set",
    ]);
  });

  it("replaces no keys, and nothing in what a variable held", () => {
    expect(expandVariables({ "${A}": "${A}" }, { A: "${B} $${C}" }).value).toEqual({ "${A}": "${B} $${C}" });
  });

  it("leaves text without variables alone", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        fc.pre(!JSON.stringify(value).includes("${"));
        // fast-check's JSON values are Json.
        expect(expandVariables(value as Parameters<typeof expandVariables>[0], {})).toEqual({ value, wholes: [], problems: [] });
      }),
    );
  });

  it("gives back any text that a variable holds, whole or in the middle", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(expand("<${A}>", { A: text }).value).toEqual({ key: `<${text}>` });
        expect(expand("${A}", { A: text }).value).toEqual({ key: text });
      }),
    );
  });
});

describe("variables in a configuration", () => {
  it("are replaced after parsing: YAML in them stays text", () => {
    expect(loadMore("store: { region: '${R}' }", { R: "a: [b]\nseed: 9" })).toMatchObject({
      seed: 0n,
      store: { region: "a: [b]\nseed: 9" },
    });
  });

  it.each(["${V}", '"${V}"', "${V:-4}"])("become what the key takes: %s", (text) => {
    const number = loadMore(`seed: ${text}\nharvest:\n  concurrency: ${text}\nstore:\n  region: ${text}`, { V: "12" });
    expect(number).toMatchObject({ seed: 12n, harvest: { concurrency: 12 }, store: { region: "12" } });
    expect(loadMore(`export:\n  gzip: ${text}\nstore:\n  region: ${text}`, { V: "true" })).toMatchObject({
      export: { gzip: true },
      store: { region: "true" },
    });
  });

  it("keep 64 bits, and leading zeros where text is wanted", () => {
    expect(loadMore("seed: ${S}", { S: "18446744073709551615" }).seed).toBe(18446744073709551615n);
    expect(loadMore("store:\n  region: ${R}", { R: "007" }).store.region).toBe("007");
  });

  it("are text in quotes, a number without, where a key takes both", () => {
    const set = (value: string) =>
      loadMore(`candidates:\n  variants:\n    - name: a\n      set:\n        x: ${value}`, { V: "7" }).candidates.variants[0]?.set["x"];
    expect(set("${V}")).toBe(7);
    expect(set('"${V}"')).toBe("7");
  });

  it("that do not fit are told as written: their values may be secrets", () => {
    const [problem] = problemsOf('harvest: { concurrency: "${N}" }', { N: "s3cret" });
    expect(problem).toContain('harvest.concurrency is "${N}", expected a whole number');
    expect(problem).not.toContain("s3cret");
    expect(problemsOf("seed: ${SEED}")).toEqual(["line 5, column 7: seed needs the environment variable SEED, which is not set"]);
  });

  it("are remembered by their names, headers not at all", () => {
    const { written, servers } = loadText(
      REQUIRED.replace('8188" }', '8188", headers: { authorization: "Bearer ${T}" } }') + "store: { region: '${R}' }",
      { T: "s3cret", R: "r" },
    );
    expect(servers[0]?.headers).toEqual({ authorization: "Bearer s3cret" });
    expect(written["store"]).toEqual({ region: "${R}" });
    expect(JSON.stringify(written)).not.toMatch(/s3cret|authorization/);
  });
});
