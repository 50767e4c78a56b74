import { describe, expect, it } from "vitest";
import { configHash } from "../../src/config/config-hash.ts";
import { loadMore, loadText, REQUIRED } from "./config-text.ts";

const BASE = configHash(loadText(REQUIRED));
const hashOf = (more: string) => configHash(loadMore(more));

describe("configHash()", () => {
  it("is SHA-256 in hex, and the same for the same file anywhere", () => {
    expect(BASE).toMatch(/^[0-9a-f]{64}$/);
    expect(configHash(loadText(REQUIRED))).toBe(BASE);
  });

  it.each([
    ["dir", "dir: /elsewhere"],
    ["concurrency, timeouts and attempts", "generate: { window: 9, max_attempts: 9, stall_timeout_s: 9, give_up_s: 9 }"],
    ["harvest's", "harvest: { concurrency: 99, delete_history: false }"],
    ["where the store answers", "store: { endpoint: 'http://127.0.0.1:1', region: eu, path_style: true }"],
    ["where exports go", "export: { uri: s3://bucket/x }"],
    ["how people are asked", "annotate: { people: { port: 1, host: 0.0.0.0, overlap: 3 } }"],
    [
      "comments, order and what is the default anyway",
      "seed: 0 # zero\ncandidates: { per_prompt: 4 }\nannotate: { pairs: { policy: best-rest } }",
    ],
  ])("leaves out %s", (_what, more) => {
    expect(hashOf(more)).toBe(BASE);
  });

  it("leaves out servers, and the folders of files", () => {
    expect(
      configHash(loadText(REQUIRED.replace("8188", "8189").replace('9" }', '9", headers: { a: b } }, { url: "http://other:1" }'))),
    ).toBe(BASE);
    expect(configHash(loadText(REQUIRED.replace("p.txt", "../elsewhere/p.txt").replace("w.json", "/abs/w.json")))).toBe(BASE);
  });

  it("is the same for workflow and workflows.main", () => {
    const several = REQUIRED.replace("workflow: {", "workflows: { main: {").replace("4.seed } }", "4.seed } } }");
    expect(configHash(loadText(several))).toBe(BASE);
  });

  it.each([
    "seed: 1",
    "seed: 18446744073709551615",
    "candidates: { per_prompt: 5 }",
    "candidates: { seeds: [1, 2, 3, 4] }",
    "candidates: { variants: [{ name: base, set: { cfg: 7 } }] }",
    "harvest: { max_image_mb: 1 }",
    "store: { uri: s3://bucket/x }",
    "annotate: { criteria: [hands] }",
    "annotate: { judges: [{ name: other, kind: builtin }] }",
    "annotate: { filters: { blank: false } }",
    "annotate: { pairs: { policy: all } }",
    "annotate: { pairs: { min_margin: 0.1 } }",
    "export: { splits: { train: 1 } }",
    "export: { shards: 2 }",
    "export: { fields: minimal }",
    "export: { uri_base: https://example.org }",
    "export: { card: { license: cc0-1.0 } }",
  ])("has %s in it", (more) => {
    expect(hashOf(more)).not.toBe(BASE);
  });

  it("tells seeds apart that a double cannot", () => {
    expect(hashOf("seed: 18446744073709551615")).not.toBe(hashOf("seed: 18446744073709551614"));
  });

  it("has prompts, bind and the dataset's name in it", () => {
    for (const [from, to] of [
      ["foxes", "wolves"],
      ["file: p.txt", "file: p.txt, limit: 5"],
      ["p.txt", "q.txt"],
      ["2.text", "3.text"],
      ["w.json", "v.json"],
    ] as const)
      expect(configHash(loadText(REQUIRED.replace(from, to)))).not.toBe(BASE);
  });

  it("leaves out what ${} gives, wherever it stands, but not its name", () => {
    const text = REQUIRED.replace("p.txt", '"${P}.txt"').replace("2.text", '"${NODE}.text"');
    const more =
      'seed: ${S}\nstore: { uri: "s3://${B}/x" }\nannotate: { pairs: { min_margin: "${M:-0.5}" } }\nexport: { card: { license: "${L:-none}" } }\n';
    const one = configHash(loadText(text + more, { P: "p", NODE: "2", S: "1", B: "bucket", M: "0.1", L: "mit" }));
    expect(configHash(loadText(text + more, { P: "q", NODE: "3", S: "2", B: "basket" }))).toBe(one);
    expect(
      configHash(loadText((text + more).replace("${B}", "${C}"), { P: "p", NODE: "2", S: "1", C: "bucket", M: "0.1", L: "mit" })),
    ).not.toBe(one);
  });
});
