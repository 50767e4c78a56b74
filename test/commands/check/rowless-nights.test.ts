import { describe, expect, it } from "vitest";
import { rowlessNight } from "../../../src/commands/check/rowless-nights.ts";
import type { ApiGraph } from "../../../src/comfy/graph/graph.ts";
import { configSchema } from "../../../src/config/schema.ts";
import type { ReadyToPlan } from "../../../src/stages/plan/prepare-variants.ts";

function variant(name: string, { width = 512, batch = 1 } = {}): ReadyToPlan {
  const graph: ApiGraph = {
    1: { class_type: "EmptyLatentImage", inputs: { width, height: 512, batch_size: batch } },
    2: { class_type: "KSampler", inputs: { seed: 1, latent_image: ["1", 0] } },
    3: { class_type: "VAEDecode", inputs: { samples: ["2", 0] } },
    4: { class_type: "SaveImage", inputs: { images: ["3", 0], filename_prefix: "x" } },
  };
  const bound = { graph, bindings: {}, outputs: ["4"] };
  return { variant: name, workflow: "main", graph, bound, wrapper: {}, params: {}, model: "", loaderSignature: "", workflowSha256: "" };
}

function refusal(
  variants: readonly ReadyToPlan[],
  seeds: number,
  { pairs = {}, ...rest }: Readonly<Record<string, object>> = {},
): string | null {
  const annotate = configSchema.shape.annotate.parse({ judges: [], pairs: { main: { from: ["people"], ...pairs } }, ...rest });
  // The schema's output is what the resolved configuration has, for what is looked at here.
  const config = { annotate, export: { pairs: "main" } } as unknown as Parameters<typeof rowlessNight>[0]["config"];
  const [finding] = rowlessNight({ config, variants, seeds, perJob: ["prompt", "seed"] });
  return finding?.text ?? null;
}

const [a, b] = [variant("a"), variant("b")];

describe("rowlessNight()", () => {
  it("refuses one image of a prompt, and takes a batch, a second seed or a second variant", () => {
    expect(refusal([a], 1)).toMatch(
      /this configuration can never give a row of main: each prompt has one image.*Try: candidates\.per_prompt: 4/,
    );
    expect(refusal([a], 2)).toBeNull();
    expect(refusal([a, b], 1)).toBeNull();
    expect(refusal([variant("a", { batch: 4 })], 1)).toBeNull();
  });

  it("refuses sizes that never match", () => {
    expect(refusal([a, variant("b", { width: 1024 })], 1)).toMatch(/no two of them have one size/);
    expect(refusal([a, variant("b", { width: 1024 })], 2)).toBeNull();
    expect(refusal([a, variant("b", { width: 1024 }), variant("c")], 1)).toBeNull();
  });

  it("refuses `across` that can never pair", () => {
    expect(refusal([a, b], 1, { pairs: { across: "within" } })).toMatch(/within pairs images of one variant/);
    expect(refusal([a, b], 2, { pairs: { across: "within" } })).toBeNull();
    expect(refusal([a, b], 4, { pairs: { across: { chosen: ["a"], rejected: ["c"] } } })).toMatch(/rejected names c.*Try: a, b/);
    expect(refusal([a, b], 1, { pairs: { across: { chosen: ["a"], rejected: ["a"] } } })).toMatch(/never have two images of one size/);
    expect(refusal([a, variant("b", { width: 640 })], 4, { pairs: { across: { chosen: ["a"], rejected: ["b"] } } })).toMatch(/one size/);
    expect(refusal([variant("a/cfg=7"), b], 1, { pairs: { across: { chosen: ["a"], rejected: ["b"] } } })).toBeNull();
  });

  it("refuses rules that nothing meets", () => {
    expect(refusal([a, b], 4, { filters: { near_duplicate: 64 } })).toMatch(/takes any two images for the same/);
    expect(refusal([a, b], 4, { pairs: { min_votes: 9 } })).toMatch(/min_votes is 9/);
    expect(refusal([a, b], 4, { pairs: { min_margin: 1 } })).toMatch(/between 0 and 1/);
  });
});
