import { describe, expect, it } from "vitest";
import { checkHttpUrl, checkServerUrl } from "../../../src/config/addresses.ts";
import { loadMore, loadText, problemsIn, problemsOf, refusalOf, REQUIRED } from "../config-text.ts";

const changed = (from: string, to: string) => problemsIn(refusalOf(REQUIRED.replace(from, to)));

describe("names that lead nowhere", () => {
  it.each([
    [
      "candidates: { variants: [{ name: a, workflow: man }] }",
      'candidates.variants[0].workflow is "man", and there is no such workflow (did you mean "main"?)',
    ],
    ["annotate: { pairs: { from: [qualty] } }", 'annotate.pairs.from[0] is "qualty", which is no source (did you mean "quality"?)'],
    ["annotate: { pairs: { from: [xyz] } }", "which is no source; there is people, quality"],
    [
      "annotate: { pairs: { across: { chosen: [bse], rejected: [base] } } }",
      'annotate.pairs.across.chosen[0] is "bse", which is no variant (did you mean "base"?)',
    ],
    ["export: { pairs: mian }", 'export.pairs is "mian", and annotate.pairs has no such set (did you mean "main"?)'],
    ["annotate: { pairs: { strict: {} } }", 'export.pairs is "main", and annotate.pairs has no such set; there is strict'],
  ])("%s", (more, expected) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(expected)]);
  });

  it("asks for the workflow of a variant where there are several", () => {
    const text = REQUIRED.replace("workflow: {", "workflows: { b: { file: b.json, bind: { prompt: none, seed: 1.seed } }, a: {").replace(
      "4.seed } }",
      "4.seed } } }",
    );
    expect(problemsIn(refusalOf(`${text}candidates: { variants: [{ name: x, workflow: a }, { name: y }] }`))).toEqual([
      expect.stringContaining("candidates.variants[1] names no workflow, and there are 2: add workflow: b | a"),
    ]);
  });

  it("takes an expanded variant's name in across", () => {
    const across = 'annotate: { pairs: { across: { chosen: ["s/cfg=7"], rejected: [s] } } }';
    expect(loadMore(`candidates: { variants: [{ name: s, set: { cfg: [5, 7] } }] }\n${across}`).annotate.pairs["main"]?.across).toEqual({
      chosen: ["s/cfg=7"],
      rejected: ["s"],
    });
  });
});

describe("things said twice", () => {
  it.each([
    ["candidates: { variants: [{ name: a }, { name: a }] }", "candidates.variants[1].name is the same as candidates.variants[0].name"],
    ["candidates: { seeds: { max: 2 } }", "candidates.seeds.max is 2: there are 3 such seeds, and candidates.per_prompt asks for 4"],
    ["candidates: { seeds: [5, 6, 5] }", "candidates.seeds[2] is the same as candidates.seeds[0]"],
    ["annotate: { criteria: [a, a] }", "annotate.criteria[1] is the same as"],
    ["annotate: { judges: [{ name: q, kind: builtin }, { name: q, kind: builtin }] }", "annotate.judges[1].name is the same as"],
    ["annotate: { pairs: { from: [people, people] } }", "annotate.pairs.from[1] is the same as annotate.pairs.from[0]"],
    ["annotate: { judges: [{ name: people, kind: builtin }] }", 'annotate.judges[0].name is "people", the name of a built-in source'],
  ])("%s", (more, expected) => {
    expect(problemsOf(more)).toContainEqual(expect.stringContaining(expected));
  });

  it("servers, however they are written: one URL is one ComfyUI", () => {
    expect(changed('8188" }', '8188" }, { url: "HTTP://127.0.0.1:8188/" }')).toEqual([
      expect.stringContaining("servers[1].url is the same as servers[0].url"),
    ]);
  });
});

describe("prompts", () => {
  it("need {prompt} in their template", () => {
    expect(changed("file: p.txt", 'file: p.txt, template: "a {promt}"')).toEqual([
      expect.stringContaining("prompts.template has no {prompt} in it"),
    ]);
  });

  it.each(["prompt", "negative", "seed"])("cannot bind %s from a column twice over", (name) => {
    expect(changed("file: p.txt", `file: p.txt, columns: { ${name}: X }`)).toEqual([
      expect.stringContaining(`prompts.columns.${name} cannot come from a column here`),
    ]);
  });
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1:8188", "did you mean http://127.0.0.1:8188?"],
    ["localhost:8188", "did you mean http://localhost:8188?"],
    ["ws://127.0.0.1:8188", "neither http:// nor https://"],
    ["http://user:s3cret@host:8188", "headers"],
    ["http://host:8188/?token=s3cret", "headers"],
    ["https://cloud.comfy.org/api", "Comfy Cloud"],
    ["https://api.comfy.org", "Comfy Cloud"],
    ["https://api.runpod.ai/v2/abc/run", "RunPod"],
    ["https://api.salad.com/api/public", "Salad"],
    ["https://api.replicate.com/v1/predictions", "Replicate"],
    ["https://queue.fal.run/fal-ai/flux", "fal"],
    ["https://api.modal.com", "Modal"],
    ["https://api.runcomfy.net/prod/v1", "RunComfy"],
    ["", "no URL"],
  ])("%j is no server", (url, expected) => {
    const [problem, ...more] = changed("http://127.0.0.1:8188", url);
    expect(problem).toMatch(/^line 4, column \d+: servers\[0\]\.url /);
    expect(problem).toContain(expected);
    expect(problem).not.toContain("s3cret");
    expect(more).toEqual([]);
  });

  it.each([
    ["http://127.0.0.1:8188/", "http://127.0.0.1:8188"],
    ["https://HOST/comfy//", "https://host/comfy"],
    ["http://[::1]:8188", "http://[::1]:8188"],
    ["https://pod-8188.proxy.runpod.net", "https://pod-8188.proxy.runpod.net"],
    ["https://words-3e487.salad.cloud", "https://words-3e487.salad.cloud"],
    ["https://me--comfyui-ui.modal.run", "https://me--comfyui-ui.modal.run"],
    ["https://1b2c-comfyui.runcomfy.com/", "https://1b2c-comfyui.runcomfy.com"],
    ["https://notcomfy.org", "https://notcomfy.org"],
  ])("%s is one", (url, expected) => {
    expect(checkServerUrl(url)).toEqual({ url: expected });
  });

  it("of judges may have any host, of stores, too", () => {
    expect(checkHttpUrl("https://api.runpod.ai/v2/x/openai/v1")).toEqual({ url: "https://api.runpod.ai/v2/x/openai/v1" });
    expect(problemsOf("store: { uri: s3://bucket, endpoint: localhost:8333 }")).toEqual([
      expect.stringContaining("store.endpoint is neither http:// nor https://"),
    ]);
    expect(problemsOf("annotate: { people: { public_url: example.org } }")).toEqual([
      expect.stringContaining("annotate.people.public_url is no URL"),
    ]);
  });
});

describe("headers", () => {
  it.each(['{ "x y": a }', '{ "": a }', '{ a: "b\\n" }', '{ a: "狐" }'])("%s cannot be sent", (headers) => {
    expect(changed('8188" }', `8188", headers: ${headers} }`)).toEqual([
      expect.stringMatching(/servers\[0\]\.headers.* (?:no name that a header|no header can carry)/),
    ]);
  });

  it("that can be sent are taken", () => {
    expect(
      loadText(REQUIRED.replace('8188" }', '8188", headers: { Authorization: "Bearer a.b-c=", x-y: "" } }')).servers[0]?.headers,
    ).toEqual({ Authorization: "Bearer a.b-c=", "x-y": "" });
  });
});

describe("splits", () => {
  it("sum up to more than nothing", () => {
    expect(problemsOf("export: { splits: { train: 0 } }")).toEqual([expect.stringContaining("export.splits sums up to 0")]);
    expect(loadMore("export: { splits: { train: 98, test: 2 } }").export.splits).toEqual({ train: 98, validation: 0, test: 2 });
    expect(loadText(REQUIRED).export.splits).toBeUndefined();
  });
});
