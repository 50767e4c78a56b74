import { describe, expect, it } from "vitest";
import { loadMore, loadText, problemsIn, problemsOf, refusalOf, REQUIRED } from "./config-text.ts";

// Values that fit their key's type and would fail hours later, or hang the program.

const changed = (from: string, to: string) => problemsIn(refusalOf(REQUIRED.replace(from, to)));

describe("seeds that no JSON number holds", () => {
  const seeds = "candidates: { seeds: [5, 18446744073709551615] }";

  it("are refused where the export writes numbers, with the way out", () => {
    expect(problemsOf(seeds)).toEqual([
      expect.stringMatching(/candidates\.seeds\[1\] is 18446744073709551615.*export\.seed_format: string/),
    ]);
  });

  it("are taken where it writes text, and up to 2^53 - 1 anyway", () => {
    expect(loadMore(`${seeds}\nexport: { seed_format: string }`).candidates.seeds).toEqual([5, 2n ** 64n - 1n]);
    expect(loadMore("candidates: { seeds: [9007199254740991] }").candidates.seeds).toEqual([Number.MAX_SAFE_INTEGER]);
    expect(problemsOf("candidates: { seeds: [9007199254740992] }")).toHaveLength(1);
  });
});

describe("__proto__ as a key", () => {
  it.each([
    ["candidates: { variants: [{ name: a, set: { __proto__: 5 } }] }", "candidates.variants[0].set.__proto__"],
    ["store: { tags: { __proto__: x } }", "store.tags.__proto__"],
    ["annotate: { pairs: { main: {}, __proto__: {} } }", "annotate.pairs.__proto__"],
  ])("%s is told, not dropped", (more, path) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(`${path} is no name that anything can have`)]);
  });

  it("of objects' other own names is like any: known nowhere", () => {
    expect(problemsOf("constructor: 1\nstore: { toString: 1 }")).toEqual([
      expect.stringContaining("constructor is no key"),
      expect.stringContaining("store.toString is no key"),
    ]);
    expect(loadMore("candidates: { variants: [{ name: a, set: { constructor: 5 } }] }").candidates.variants[0]?.set).toEqual({
      constructor: 5,
    });
  });

  it("of the environment is no variable", () => {
    expect(problemsOf('store: { region: "${constructor}" }')).toEqual([
      expect.stringContaining("needs the environment variable constructor"),
    ]);
  });
});

describe("headers that belong to the connection", () => {
  it.each(["transfer-encoding", "Host", "content-length", "Connection", "upgrade", "TE", "expect", "Content-Type", "Sec-WebSocket-Key"])(
    "%s is refused by name",
    (name) => {
      expect(changed('8188" }', `8188", headers: { ${name}: chunked } }`)).toEqual([
        expect.stringContaining(`servers[0].headers.${name} is set by the connection itself`),
      ]);
      expect(
        problemsOf(`annotate: { judges: [{ name: j, kind: http, url: "http://127.0.0.1:9", headers: { ${name}: x } }] }`),
      ).toContainEqual(expect.stringContaining(`annotate.judges[0].headers.${name} is set by the connection itself`));
    },
  );
});

describe("names that are too long", () => {
  it("for a file name: a dataset's", () => {
    expect(changed("foxes", "f".repeat(65))).toEqual([expect.stringMatching(/dataset is "f+….*at most 64 characters/)]);
    expect(loadText(REQUIRED.replace("foxes", "f".repeat(64))).dataset).toHaveLength(64);
  });

  it.each([
    [`candidates: { variants: [{ name: ${"v".repeat(129)} }] }`, "candidates.variants[0].name"],
    [`annotate: { judges: [{ name: ${"j".repeat(129)}, kind: builtin }] }`, "annotate.judges[0].name"],
    [`annotate: { pairs: { ${"s".repeat(129)}: {} } }`, "annotate.pairs.sss"],
  ])("$1 of the others", (more, path) => {
    const problems = problemsOf(more);
    expect(problems).toEqual([expect.stringContaining(path)]);
    expect(problems[0]).toContain("at most 128 characters");
  });
});

describe("per_prompt", () => {
  it("has an end", () => {
    expect(problemsOf("candidates: { per_prompt: 1000000000 }")).toEqual([
      expect.stringContaining("candidates.per_prompt is 1000000000, expected a whole number from 1 to 100000"),
    ]);
  });
});

describe("store and export in one place", () => {
  it.each([
    ["store: { uri: 'file:export' }", "is the folder of the export"],
    ["store: { uri: 'file:.' }", "holds the folder of the export"],
    ["store: { uri: 'file:images' }\nexport: { uri: images/export }", "holds the folder of the export"],
    ["store: { uri: 'file:a/b' }\nexport: { uri: a }", "is inside the folder of the export"],
    ["store: { uri: s3://bucket/a }\nexport: { uri: s3://bucket/a/ }", "is the folder of the export"],
    ["store: { uri: s3://bucket/a/b }\nexport: { uri: s3://bucket/a }", "is inside the folder of the export"],
  ])("%s", (more, expected) => {
    expect(problemsOf(more)).toEqual([expect.stringMatching(RegExp(`store\\.uri ${expected}`))]);
  });

  it.each([
    "store: { uri: 'file:export-images' }",
    "store: { uri: s3://bucket/a }\nexport: { uri: s3://bucket/ab }",
    "store: { uri: s3://bucket/a }\nexport: { uri: s3://bucket/a/export }",
    "store: { uri: s3://one/export }\nexport: { uri: s3://two/export }",
  ])("%s is two places", (more) => {
    expect(loadMore(more).dataset).toBe("foxes");
  });
});
