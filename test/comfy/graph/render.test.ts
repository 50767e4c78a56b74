import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Bindings } from "../../../src/comfy/graph/binding.ts";
import { resolveBindings } from "../../../src/comfy/graph/binding.ts";
import { fitValue } from "../../../src/comfy/graph/fit-value.ts";
import { render, type RenderOptions } from "../../../src/comfy/graph/render.ts";
import { RejectError } from "../../../src/errors.ts";
import { parseExact, stringifyExact, type Json } from "../../../src/lib/exact-json.ts";
import { bundledGraph, graphOf } from "./workflow-fixtures.ts";

const sd15 = bundledGraph("sd15");
const bindings: Bindings = resolveBindings(sd15, { prompt: "2.text", negative: "3.text", seed: "4.seed", width: "5.width" });
const options: RenderOptions = {
  bindings,
  values: { prompt: 'a "fox"\nat dawn', negative: "", seed: 18446744073709551615n, width: "768" },
  outputs: ["7"],
  filenamePrefix: "ds/abc/abcdef",
  saveAs: "output",
};

describe("render()", () => {
  test("fills the bound inputs and the prefix, and nothing else", () => {
    const rendered = render(sd15, options);
    const expected = structuredClone(sd15) as Record<string, { inputs: Record<string, Json> }>;
    Object.assign(expected["2"]!.inputs, { text: 'a "fox"\nat dawn' });
    Object.assign(expected["4"]!.inputs, { seed: 18446744073709551615n });
    Object.assign(expected["5"]!.inputs, { width: 768 });
    Object.assign(expected["7"]!.inputs, { filename_prefix: "ds/abc/abcdef" });
    expect(rendered).toEqual(expected);
    expect(stringifyExact(rendered)).toContain('"seed":18446744073709551615,');
  });

  test("a value bound to several places goes to all, one bound to none goes nowhere", () => {
    const graph = graphOf({ a: ["S", { seed: 0 }], b: ["S", { seed: 0 }] });
    const places = [
      { nodeId: "a", input: "seed" },
      { nodeId: "b", input: "seed" },
    ];
    const rendered = render(graph, {
      ...options,
      bindings: { seed: places, prompt: [] },
      values: { seed: 7n, prompt: "x", constructor: 1 },
      outputs: [],
    });
    const titled = { _meta: { title: "S" } };
    expect(rendered).toEqual({
      a: { class_type: "S", inputs: { seed: 7 }, ...titled },
      b: { class_type: "S", inputs: { seed: 7 }, ...titled },
    });
  });

  test("save_as temp makes a preview of the output, whose embedded prompt still names the job", () => {
    const rendered = render(sd15, { ...options, saveAs: "temp" });
    expect(rendered["7"]).toEqual({
      class_type: "PreviewImage",
      inputs: { images: ["6", 0], filename_prefix: "ds/abc/abcdef" },
      _meta: { title: "Save Image" },
    });
    expect({ ...rendered, "7": null }).toEqual({ ...render(sd15, options), "7": null });
  });

  test("never changes the graph given, keeps every seed, and is the same each time", () => {
    const before = stringifyExact(sd15);
    const frozen = deepFreeze(sd15);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.string(),
        fc.constantFrom("output" as const, "temp" as const),
        (seed, prompt, saveAs) => {
          const values = { seed, prompt };
          const rendered = render(frozen, { ...options, values, saveAs });
          expect(stringifyExact(rendered["4"]?.inputs["seed"] ?? null)).toBe(seed.toString());
          expect(rendered["2"]?.inputs["text"]).toBe(prompt);
          // What a server embeds in its images reads back as what was sent.
          expect(parseExact(stringifyExact(rendered))).toEqual(rendered);
          expect(render(frozen, { ...options, values, saveAs })).toEqual(rendered);
          expect(stringifyExact(sd15)).toBe(before);
        },
      ),
    );
  });

  test("rejects a value that the input cannot hold, naming both", () => {
    const act = () => render(sd15, { ...options, values: { width: "wide" } });
    expect(act).toThrow(RejectError);
    expect(act).toThrow('Cannot set width to "wide": node 5 (EmptyLatentImage "Empty Latent Image"), input "width" holds 512');
  });
});

describe("fitValue()", () => {
  test.each<[Json, Json, Json | undefined]>([
    ["512", 8, 512],
    [" -7 ", 8, -7],
    ["+7", 8, 7],
    ["7.5", 8, 7.5],
    ["1e-3", 8, 0.001],
    ["", 8, undefined],
    ["0x10", 8, undefined],
    ["12 px", 8, undefined],
    ["true", false, true],
    ["FALSE", true, false],
    ["0", true, false],
    ["yes", true, undefined],
    ["512", "text", "512"],
    ["512", null, "512"],
    [7, "text", 7],
    [true, 8, true],
    [null, 8, null],
  ])("%j over %j is %j", (value, present, fitted) => {
    expect(fitValue(value, present)).toEqual(fitted);
  });

  test("keeps 64-bit integers exact, and small ones as numbers", () => {
    expect(fitValue("18446744073709551615", 0)).toBe(18446744073709551615n);
    expect(fitValue(18446744073709551615n, 0)).toBe(18446744073709551615n);
    expect(fitValue(42n, 18446744073709551615n)).toBe(42);
  });
});

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
