import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolveBindings } from "../../../src/comfy/graph/binding.ts";
import type { VariantConfig } from "../../../src/config/schema.ts";
import { stringifyExact } from "../../../src/lib/exact-json.ts";
import { countVariants, expandVariants, perJobNames } from "../../../src/stages/plan/variants.ts";
import { bundledGraph, configErrorOf } from "../../comfy/graph/workflow-fixtures.ts";

const sd15 = bundledGraph("sd15");
const main = {
  graph: sd15,
  bindings: resolveBindings(sd15, { prompt: "2.text", seed: "4.seed", cfg: "4.cfg", steps: "4.steps", ckpt: "1.ckpt_name" }),
};
const sdxl = {
  graph: sd15,
  bindings: resolveBindings(sd15, { prompt: "2.text", seed: "4.seed", guidance: "4.cfg", lora: "1.ckpt_name", width: "5.width" }),
};

const variant = (config: Partial<VariantConfig>): VariantConfig => ({ name: "sweep", set: {}, zip: [], ...config });
const expand = (...variants: Partial<VariantConfig>[]) => expandVariants(variants.map(variant), { main });

describe("expandVariants()", () => {
  test("the documentation's example", () => {
    const variants = [
      variant({ name: "base", workflow: "main", set: { cfg: 7 } }),
      variant({ workflow: "sdxl", set: { guidance: [2.5, 3.5], lora: ["a", "b"] }, zip: [["guidance", "lora"]] }),
    ];
    expect(expandVariants(variants, { main, sdxl })).toEqual([
      { variant: "base", workflow: "main", set: { cfg: 7 } },
      { variant: "sweep/guidance=2.5,lora=a", workflow: "sdxl", set: { guidance: 2.5, lora: "a" } },
      { variant: "sweep/guidance=3.5,lora=b", workflow: "sdxl", set: { guidance: 3.5, lora: "b" } },
    ]);
  });

  test("lists multiply, the first changing slowest; names have sorted keys, and lists only", () => {
    const names = expand({ set: { steps: [10, 20], cfg: [7, 7.5], ckpt: "x" } }).map((each) => each.variant);
    expect(names).toEqual(["sweep/cfg=7,steps=10", "sweep/cfg=7.5,steps=10", "sweep/cfg=7,steps=20", "sweep/cfg=7.5,steps=20"]);
  });

  test("a zip group multiplies with what stands outside it", () => {
    const expanded = expandVariants(
      [variant({ set: { guidance: [1, 2], width: [512, 768, 1024], lora: ["a", "b"] }, zip: [["lora", "guidance"]] })],
      { sdxl },
    );
    expect(expanded).toHaveLength(6);
    expect(new Set(expanded.map(({ set }) => stringifyExact([set["guidance"] ?? null, set["lora"] ?? null])))).toEqual(
      new Set(['[1,"a"]', '[2,"b"]']),
    );
  });

  test("a list of one is a list; places work like names; big integers and booleans are written out", () => {
    expect(expand({ set: { "4.cfg": [7], steps: 18446744073709551615n } })[0]?.variant).toBe("sweep/4.cfg=7");
    expect(expand({ set: { steps: [18446744073709551615n], "class:KSampler#denoise": [true] } })[0]?.variant).toBe(
      "sweep/class:KSampler#denoise=true,steps=18446744073709551615",
    );
    expect(expand({ name: "base" })).toEqual([{ variant: "base", workflow: "main", set: {} }]);
  });

  test.each<[string, Partial<VariantConfig>[], RegExp]>([
    [
      "an unknown name",
      [{ set: { cgf: [1] } }],
      /Cannot set cgf in variant sweep: the workflow binds no "cgf" \(did you mean "cfg"\?\)[\s\S]*prompt, seed, cfg/,
    ],
    ["an unknown place", [{ set: { "99.cfg": 1 } }], /no node 99/],
    ["an unknown workflow", [{ workflow: "mian" }], /no workflow "mian" \(did you mean "main"\?\)/],
    [
      "lists of a zip that differ in length",
      [{ set: { cfg: [1, 2], steps: [1] }, zip: [["cfg", "steps"]] }],
      /Cannot zip \[cfg, steps\] in variant sweep: the lists differ in length: cfg has 2, steps has 1/,
    ],
    ["a zip name that is not set", [{ set: { cfg: [1] }, zip: [["cfg", "setps"]] }], /"setps" is not in set/],
    ["a zip name with a single value", [{ set: { cfg: [1], steps: 3 }, zip: [["cfg", "steps"]] }], /"steps" is a single value/],
    [
      "a name in two groups",
      [
        {
          set: { cfg: [1], steps: [1], ckpt: ["a"] },
          zip: [
            ["cfg", "steps"],
            ["steps", "ckpt"],
          ],
        },
      ],
      /"steps" is named twice/,
    ],
    ["a name twice in a group", [{ set: { cfg: [1] }, zip: [["cfg", "cfg"]] }], /"cfg" is named twice/],
    ["equal names", [{ name: "a" }, { name: "a" }], /variant "a": two have this name/],
    ["equal values in a list", [{ set: { cfg: [7, 7] } }], /"sweep\/cfg=7": two have this name/],
    ["a number and the same as text", [{ set: { ckpt: [1, "1"] } }], /two have this name/],
  ])("refuses %s", (_name, variants, message) => {
    expect(configErrorOf(() => expand(...variants))).toMatch(message);
  });

  test("refuses a variant without a workflow where there are several", () => {
    expect(configErrorOf(() => expandVariants([variant({})], { main, sdxl }))).toMatch(
      /names no workflow, and there are 2\nTry: add workflow: main \| sdxl/,
    );
  });

  test("refuses too many before making any, with the arithmetic", () => {
    const list = Array.from({ length: 3_000 }, (_, index) => index);
    const error = configErrorOf(() => expand({ name: "base" }, { set: { cfg: list, steps: list } }));
    expect(error).toContain("base 1 + sweep 3000 (cfg) × 3000 (steps) = 9000001 variants; at most 10000");
    expect(expand({ set: { cfg: list.slice(0, 100), steps: list.slice(0, 100) } })).toHaveLength(10_000);
  });

  test("the number of variants is the product of the lists, each combination once", () => {
    const list = (values: readonly number[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(list([1, 2, 3, 4, 5]), list([10, 20, 30]), fc.integer({ min: 1, max: 4 }), (cfg, steps, zipped) => {
        const together = Array.from({ length: zipped }, (_, index) => index);
        const config = variant({ set: { cfg, "5.width": together, steps, "5.height": together }, zip: [["5.width", "5.height"]] });
        const expanded = expandVariants([config], { main });
        expect(expanded).toHaveLength(cfg.length * steps.length * zipped);
        expect(countVariants([config]).total).toBe(expanded.length);
        expect(new Set(expanded.map((each) => each.variant)).size).toBe(expanded.length);
        for (const { set } of expanded) {
          expect(set["5.width"]).toBe(set["5.height"]);
          expect(cfg).toContain(set["cfg"]);
        }
      }),
    );
  });
});

describe("perJobNames()", () => {
  test("are prompt and seed, negative where a column gives it, and the columns", () => {
    expect(perJobNames({ columns: {} })).toEqual(["prompt", "seed"]);
    expect(perJobNames({ negative: "Neg", columns: { width: "W", negative: "Neg" } })).toEqual(["prompt", "seed", "negative", "width"]);
  });
});
