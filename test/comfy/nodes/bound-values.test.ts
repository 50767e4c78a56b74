import { describe, expect, test } from "vitest";
import { boundValues, isBetweenSteps, valueProblem } from "../../../src/comfy/nodes/bound-values.ts";
import { type InputInfo, parseObjectInfo } from "../../../src/comfy/nodes/object-info.ts";
import { bundledGraph, graphOf, newerServer, recordedObjectInfo } from "../graph/workflow-fixtures.ts";

const NO_LIMITS: InputInfo = {
  required: true,
  type: "INT",
  choices: undefined,
  min: undefined,
  max: undefined,
  step: undefined,
  isUpload: false,
  dynamic: undefined,
};

describe("boundValues()", () => {
  const small = { url: "http://a:8188", objectInfo: recordedObjectInfo(), replacements: new Map() };
  const values = boundValues(bundledGraph("sd15"), small);
  const seed = { nodeId: "4", input: "seed" };

  test("says what the node does not take, and what the limit is", () => {
    expect(values.refusal(seed, 18446744073709551616n)?.message).toMatch(
      /^input "seed" of node 4 \(KSampler.*\) would be 18446744073709551616, more than the largest allowed, 18446744073709551615$/,
    );
    expect(values.refusal(seed, 18446744073709551615n)).toBeUndefined();
    expect(values.maxOf(seed)).toBe(18446744073709551615n);
    expect(values.refusal({ nodeId: "4", input: "sampler_name" }, "eular")?.message).toContain('did you mean "euler"?');
  });

  test("reads text from tables as the number that it becomes", () => {
    expect(values.refusal({ nodeId: "4", input: "steps" }, "0")?.message).toContain("less than the smallest allowed, 1");
    expect(values.refusal({ nodeId: "4", input: "steps" }, "20")).toBeUndefined();
  });

  test("says nothing of places that the server does not describe", () => {
    expect(values.refusal({ nodeId: "4", input: "made_up" }, 1)).toBeUndefined();
    expect(values.refusal({ nodeId: "nowhere", input: "x" }, 1)).toBeUndefined();
  });

  test("knows inputs of the chosen option, and where a replaced node's value goes", () => {
    const graph = graphOf({
      "1": ["ResizeImageMaskNode", { resize_type: "scale by multiplier", "resize_type.multiplier": 1 }],
      "2": ["ResizeImagesByLongerEdge", { images: ["1", 0], longer_edge: 512 }],
    });
    const newer = boundValues(graph, newerServer());
    expect(newer.refusal({ nodeId: "1", input: "resize_type.multiplier" }, 100)?.message).toContain("more than the largest allowed, 8");
    expect(newer.refusal({ nodeId: "1", input: "resize_type.width" }, -1)).toBeUndefined();
    expect(newer.refusal({ nodeId: "2", input: "longer_edge" }, -5)?.message).toContain("less than the smallest allowed, 0");
  });

  test("a whole number between two steps may be rounded", () => {
    const size = { nodeId: "5", input: "width" };
    const graph = graphOf({ "5": ["EmptyLatentImage", { width: 512, height: 512, batch_size: 1 }] });
    const sizes = boundValues(graph, small);
    expect(sizes.rounding(size, 513)).toMatch(/would be 513, and the node counts in steps of 8 from 16: it may round that$/);
    expect(sizes.rounding(size, 520)).toBeUndefined();
    expect(sizes.refusal(size, 513)).toBeUndefined();
  });
});

describe("valueProblem() and isBetweenSteps()", () => {
  test("take limits of 64 bits exactly, and any value where there is no limit", () => {
    expect(valueProblem(2n ** 63n, { ...NO_LIMITS, min: -(2n ** 63n), max: 2n ** 63n - 1n })).toMatchObject({ kind: "out-of-range" });
    expect(valueProblem(2n ** 70n, NO_LIMITS)).toBeUndefined();
    expect(valueProblem("x", { ...NO_LIMITS, min: 1, max: 2 })).toBeUndefined();
  });

  test("only whole numbers have steps that count", () => {
    expect(isBetweenSteps(7.25, { type: "FLOAT", step: 0.1, min: 0 })).toBe(false);
    expect(isBetweenSteps(7.25, { type: "INT", step: 8, min: 0 })).toBe(false);
    expect(isBetweenSteps(2n ** 62n + 1n, { type: "INT", step: 2, min: undefined })).toBe(true);
    expect(isBetweenSteps(5, { type: "INT", step: 0, min: 0 })).toBe(false);
    expect(isBetweenSteps(5, { type: "INT", step: 1, min: 0 })).toBe(false);
  });

  test("a file to upload is no choice", () => {
    const info = parseObjectInfo({ L: { input: { required: { image: [["a.png"], { image_upload: true }] } } } }).get("L");
    expect(valueProblem("b.png", info!.inputs.get("image")!)).toBeUndefined();
  });
});
