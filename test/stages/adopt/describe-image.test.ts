import { describe, expect, it } from "vitest";
import type { WorkflowConfig } from "../../../src/config/schema.ts";
import { promptKeyOf } from "../../../src/identity.ts";
import type { Claim } from "../../../src/stages/adopt/adopt-source.ts";
import { describeImage, type DescribeRules, type Description } from "../../../src/stages/adopt/describe-image.ts";
import { testConfig } from "../../helpers/annotated-dataset.ts";
import { sd15Graph } from "../../helpers/comfy-png.ts";

const origin = { server: "file:///pictures", subfolder: "", filename: "a_00001_.png", type: "output" };
const claim: Claim = { precedence: "2-folder", graph: null, line: null, promptId: "", nodeId: "", batchIndex: 0 };
const line = { prompt: "a dog", negative: "", model: "", seed: null, id: null };
const base = testConfig("/nowhere").prompts;

function rules(bind: WorkflowConfig["bind"], prompts: Partial<DescribeRules["prompts"]> = {}): DescribeRules {
  return { workflows: { main: { file: "x", bind, allow_nodes: [], uploads: {} } }, prompts: { ...base, ...prompts } };
}

const usual = rules({ prompt: "2.text", seed: "class:KSampler#seed", negative: "title:Negative prompt#text", cfg: "4.cfg" });
const embedded = (graph: object): string => JSON.stringify(graph);
const tell = (text: string | null, given = usual, claimed: Partial<Claim> = {}): Description =>
  describeImage({ embeddedPrompt: text, claim: { ...claim, ...claimed }, origin }, given);

describe("describeImage() of an image's own graph", () => {
  it("finds prompt, seed, model and parameters where bind says", () => {
    const found = tell(embedded(sd15Graph({ negative: "blurry", cfg: 5 })));
    expect(found).toMatchObject({
      prompt: "a cat",
      negative: "",
      seed: "1",
      model: "sd15.safetensors",
      variant: "adopted/sd15.safetensors",
    });
    expect(found.params).toBe('{"cfg":5,"negative":"blurry"}');
    expect(found.promptKey).toBe(promptKeyOf({ text: "a cat", negative: "", references: {}, bound: {} }));
  });

  it("takes the negative for the prompt's own where a column gives it, and columns for bound values", () => {
    const found = tell(embedded(sd15Graph({ negative: "blurry", cfg: 5 })), {
      ...usual,
      prompts: { ...base, negative: "neg", columns: { cfg: "c" } },
    });
    expect(found).toMatchObject({ negative: "blurry", bound: '{"cfg":5}' });
    expect(found.promptKey).toBe(promptKeyOf({ text: "a cat", negative: "blurry", references: {}, bound: { cfg: 5 } }));
  });

  it("keeps all digits of a seed, and hashes what is not prompt, seed or prefix", () => {
    const text = embedded(sd15Graph({ seed: 0 })).replace('"seed":0', '"seed":18446744073709551615');
    const found = tell(text);
    expect(found.seed).toBe("18446744073709551615");
    expect(found.workflowSha256).toBe(tell(embedded(sd15Graph({ prompt: "x", seed: 9, prefix: "y/z" }))).workflowSha256);
    expect(found.workflowSha256).not.toBe(tell(embedded(sd15Graph({ cfg: 3 }))).workflowSha256);
  });

  it.each([
    ["a text", '"7"'],
    ["a fraction", "1.5"],
    ["below 0", "-1"],
    ["above 2^64 - 1", "18446744073709551616"],
    ["Python's NaN", "NaN"],
  ])("does not know a seed that is %s", (_what, seed) => {
    expect(tell(embedded(sd15Graph({ seed: 0 })).replace('"seed":0', `"seed":${seed}`)).seed).toBe("-1");
  });

  it("does not know a seed whose place is missing, nor parameters that are", () => {
    const found = tell(embedded(sd15Graph()), rules({ prompt: "2.text", seed: "99.seed", cfg: "4.nothing" }));
    expect(found).toMatchObject({ seed: "-1", params: "{}" });
  });

  it.each([
    ["no such node", { prompt: "99.text" }, "no node 99"],
    ["no such input", { prompt: "2.texts" }, "no input"],
    ["a link", { prompt: "2.clip" }, "is a link"],
    ["a number", { prompt: "4.steps" }, "no text"],
    ["none", { prompt: "none" }, "a JSONL can say the prompts"],
  ])("refuses where bind.prompt is %s", (_what, bind, why) => {
    expect(() => tell(embedded(sd15Graph()), rules({ seed: "4.seed", ...bind }))).toThrow(why);
  });

  it("refuses an empty prompt", () => {
    expect(() => tell(embedded(sd15Graph({ prompt: "  " })))).toThrow("empty text");
  });

  it("takes the first workflow in whose place there is a text", () => {
    const both = {
      ...usual,
      workflows: { other: { ...usual.workflows["main"]!, bind: { prompt: "77.text", seed: "78.seed" } }, ...usual.workflows },
    };
    expect(tell(embedded(sd15Graph()), both)).toMatchObject({ prompt: "a cat", seed: "1" });
  });

  it.each([
    ["nothing", null],
    ["no JSON", "parameters: a cat, Steps: 20"],
    ["a list", "[]"],
    ["an empty graph", "{}"],
    ["the editor's format", '{"nodes":[],"links":[]}'],
    ["nodes without a class", '{"1":{"inputs":{}}}'],
  ])("refuses an image that embeds %s", (_what, text) => {
    expect(() => tell(text)).toThrow(/carries no prompt|no ComfyUI graph/);
  });

  it("overflows no stack unseen", () => {
    expect(() => tell("[".repeat(200_000))).toThrow(/no ComfyUI graph|call stack/);
  });

  it("believes the image before the server's history, and the history where the image says nothing", () => {
    const history = { precedence: "1-history" as const, graph: { ...sd15Graph({ prompt: "from history" }) } as Claim["graph"] };
    expect(tell(embedded(sd15Graph()), usual, history).prompt).toBe("a cat");
    expect(tell(null, usual, history).prompt).toBe("from history");
  });

  it("cleans a model's name before it becomes a variant's", () => {
    const found = tell(embedded(sd15Graph({ model: `SDXL\\a\u0000\u202e${"x".repeat(500)}` })));
    expect(found.variant).toMatch(/^adopted\/SDXL\\a {2}x+$/);
    expect(found.variant.length).toBeLessThan(250);
  });
});

describe("describeImage() of a line of JSONL", () => {
  it("believes the line, and adds what only the graph knows", () => {
    const found = tell(embedded(sd15Graph({ seed: 5 })), usual, { precedence: "0-jsonl", line: { ...line, id: "k1" } });
    expect(found).toMatchObject({ prompt: "a dog", seed: "5", model: "sd15.safetensors" });
    expect(found.params).toBe('{"cfg":7,"id":"k1","negative":""}');
  });

  it("needs no graph", () => {
    const found = tell(null, rules({ prompt: "none", seed: "none" }), { line: { ...line, model: "flux", seed: 3n, negative: "fog" } });
    expect(found).toMatchObject({
      prompt: "a dog",
      negative: "fog",
      seed: "3",
      variant: "adopted/flux",
      workflowSha256: null,
      params: "{}",
    });
  });

  it("without seed and model: -1 and no model", () => {
    expect(tell("garbage", usual, { line })).toMatchObject({ seed: "-1", variant: "adopted", model: "" });
  });

  it("stands before history, history before a folder, a known seed before none", () => {
    const text = embedded(sd15Graph());
    const ranks = [
      tell(text, usual, { precedence: "0-jsonl", line }).rank,
      tell(text, usual, { precedence: "1-history" }).rank,
      tell(text).rank,
      tell(embedded(sd15Graph({ seed: "?" }))).rank,
    ];
    expect(ranks.toSorted()).toEqual(ranks);
  });
});
