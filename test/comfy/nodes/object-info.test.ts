import { describe, expect, test } from "vitest";
import { isWidgetInput, parseObjectInfo } from "../../../src/comfy/nodes/object-info.ts";
import { recordedObjectInfo } from "../graph/workflow-fixtures.ts";

describe("parseObjectInfo()", () => {
  test("reads the recorded classes, 2^64-1 exactly", () => {
    const info = recordedObjectInfo();
    const sampler = info.get("KSampler");
    expect(sampler?.outputs).toEqual(["LATENT"]);
    expect(sampler?.isOutputNode).toBe(false);
    expect(sampler?.inputs.get("seed")).toMatchObject({ required: true, type: "INT", min: 0, max: 18446744073709551615n });
    expect(sampler?.inputs.get("sampler_name")).toMatchObject({ type: "COMBO" });
    expect(sampler?.inputs.get("sampler_name")?.choices).toContain("euler");
    expect(sampler?.inputs.get("model")).toMatchObject({ type: "MODEL", choices: undefined });
    expect(info.get("SaveImage")?.isOutputNode).toBe(true);
    expect(info.get("SaveImage")?.inputs.has("prompt")).toBe(false); // hidden: the server fills it
    expect(info.get("LoadImage")?.inputs.get("image")).toMatchObject({ isUpload: true, choices: ["example.png"] });
  });

  test("tells inputs that take values from those that only take links", () => {
    const inputs = recordedObjectInfo().get("KSampler")?.inputs;
    expect([...(inputs ?? [])].filter(([, input]) => isWidgetInput(input)).map(([name]) => name)).toEqual([
      "seed",
      "steps",
      "cfg",
      "sampler_name",
      "scheduler",
      "denoise",
    ]);
  });

  test("reads the newer forms: COMBO with options, remote and multiple choices, inputs that grow", () => {
    const inputs = parseObjectInfo({
      New: {
        input: {
          required: {
            mode: ["COMBO", { options: ["a", "b"] }],
            remote: ["COMBO", { remote: { route: "/x" }, options: [] }],
            many: ["COMBO", { multiselect: true, options: ["a"] }],
            images: ["COMFY_AUTOGROW_V3", {}],
          },
          optional: { mode2: [["x"]] },
        },
        output: ["IMAGE", ["a", "b"]],
      },
    }).get("New");
    expect(inputs?.inputs.get("mode")?.choices).toEqual(["a", "b"]);
    expect(inputs?.inputs.get("remote")?.choices).toBeUndefined();
    expect(inputs?.inputs.get("many")?.choices).toBeUndefined();
    expect(inputs?.inputs.get("images")?.dynamic).toEqual({ kind: "unknown" });
    expect(inputs?.inputs.get("mode2")).toMatchObject({ required: false, type: "COMBO", choices: ["x"] });
    expect(inputs?.outputs).toEqual(["IMAGE", "COMBO"]);
  });

  test("takes what custom nodes get wrong", () => {
    const info = parseObjectInfo({
      A: null,
      B: {},
      C: { input: { required: { x: null, y: [], z: [5] } }, output: "IMAGE", output_node: 1 },
    });
    expect([...info.keys()]).toEqual(["B", "C"]);
    expect(info.get("C")?.inputs.get("x")).toMatchObject({ required: false, type: "*" });
    expect(info.get("C")?.inputs.get("z")).toMatchObject({ required: true, type: "*" });
    expect(info.get("C")).toMatchObject({ outputs: [], isOutputNode: false });
  });
});
