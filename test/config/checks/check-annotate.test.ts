import { describe, expect, it } from "vitest";
import { listCombinedJudges } from "../../../src/config/judge-roles.ts";
import { checkJudgeRoles } from "../../../src/config/checks/check-annotate.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { problemsOf } from "../config-text.ts";

const QUALITY = "{ name: quality, kind: builtin }, { name: other, kind: builtin }";
const http = (name: string) => ({ name, kind: "http", url: "http://127.0.0.1:9/score" });

/** `annotate` with a technical judge q and the judges a and b, whatever kinds this version can make. */
function annotate(more: object) {
  return configSchema.shape.annotate.parse({ judges: [{ name: "q", kind: "builtin" }, http("b"), http("a")], ...more });
}
const problemsWith = (more: object) => checkJudgeRoles({ annotate: annotate(more) }, { wrapped: false }).map(({ message }) => message);

describe("annotate.combine", () => {
  it.each([
    [{ method: "weights" }, "annotate.combine.method is weights, and there are none"],
    [{ method: "weights", weights: {} }, "annotate.combine.method is weights, and there are none"],
    [{ weights: { a: 2 } }, "annotate.combine.weights has no effect with method: rank-mean"],
    [{ method: "weights", weights: { a: 1 }, judges: ["a"] }, "annotate.combine.judges has no effect with method: weights"],
    [{ method: "weights", weights: { aa: 1 } }, 'annotate.combine.weights.aa names "aa", which is no judge'],
    [{ judges: ["a", "c"] }, 'annotate.combine.judges[1] names "c", which is no judge; there is q, b, a'],
    [{ judges: ["a", "b", "a"] }, "annotate.combine.judges[2] is the same as annotate.combine.judges[0]"],
  ])("%j is refused", (combine, expected) => {
    expect(problemsWith({ combine })).toEqual([expect.stringContaining(expected)]);
  });

  it("refuses weights that are none, and points at them", () => {
    const text = `annotate: { judges: [${QUALITY}], combine: { method: weights, weights: { quality: 0 } } }`;
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^line 5, column \d+: annotate\.combine\.weights\.quality is 0/)]);
  });

  it("needs judges where a pair set takes combined", () => {
    expect(problemsWith({ judges: [], pairs: { main: { from: ["combined"] } } })).toEqual([
      "annotate.judges is empty, and the pair set main takes combined: there is nothing to combine",
    ]);
  });

  it("is every judge of preference by name, and technical ones only where they are named or alone", () => {
    const members = (more: object) => listCombinedJudges(annotate(more));
    expect(members({})).toEqual([
      { judge: "a", weight: 1 },
      { judge: "b", weight: 1 },
    ]);
    expect(members({ combine: { judges: ["q", "b"] } }).map(({ judge }) => judge)).toEqual(["b", "q"]);
    expect(members({ judges: [{ name: "q", kind: "builtin" }] }).map(({ judge }) => judge)).toEqual(["q"]);
    expect(members({ filters: { nsfw: { judge: "a" } } }).map(({ judge }) => judge)).toEqual(["b"]);
    expect(members({ combine: { method: "weights", weights: { b: 2, a: 0.5 } } })).toEqual([
      { judge: "a", weight: 0.5 },
      { judge: "b", weight: 2 },
    ]);
  });
});

describe("annotate.filters.nsfw", () => {
  it("names a judge that knows what images show", () => {
    expect(problemsWith({ filters: { nsfw: { judge: "c" } } })).toEqual([
      'annotate.filters.nsfw.judge names "c", which is no judge; there is q, b, a',
    ]);
    expect(problemsWith({ filters: { nsfw: { judge: "q" } } })).toEqual([
      'annotate.filters.nsfw.judge is "q", of kind builtin, which does not know what an image shows',
    ]);
    expect(problemsWith({ filters: { nsfw: { judge: "a", above: 0.7 } } })).toEqual([]);
  });

  it("never lets that judge prefer", () => {
    const filters = { nsfw: { judge: "a" } };
    expect(problemsWith({ filters, pairs: { main: { from: ["people", "a"] } } })).toEqual([
      expect.stringMatching(/^annotate\.pairs\.main\.from\[1\] names "a", whose scores say how unsafe an image is/),
    ]);
    expect(problemsWith({ filters, combine: { judges: ["a", "b"] } })).toHaveLength(1);
  });

  it("makes it no source where none are written", () => {
    const file = configSchema.parse({
      dataset: "x",
      prompts: { file: "p.txt" },
      workflow: { file: "w.json", bind: { prompt: "none", seed: "1.seed" } },
      servers: [{ url: "http://127.0.0.1:8188" }],
      annotate: { judges: [http("a"), http("b")], filters: { nsfw: { judge: "a" } } },
    });
    const config = resolveConfig(file, { configFile: "/x/pipeline.yaml", written: {} });
    expect(config.annotate.pairs["main"]?.from).toEqual(["people", "b"]);
  });
});
