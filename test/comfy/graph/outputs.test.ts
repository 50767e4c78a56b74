import { describe, expect, test } from "vitest";
import { dropOtherSavers, resolveOutputs } from "../../../src/comfy/graph/outputs.ts";
import { saverKindOf } from "../../../src/comfy/graph/savers.ts";
import { configErrorOf, graphOf, recordedGraph } from "./workflow-fixtures.ts";

const output = { saveAs: "output", workflow: "main" } as const;
const temp = { saveAs: "temp", workflow: "main" } as const;
const save = ["SaveImage", { images: ["1", 0], filename_prefix: "x" }] as const;
const preview = ["PreviewImage", { images: ["1", 0] }] as const;
const image = ["EmptyImage", {}] as const;

describe("resolveOutputs()", () => {
  test("is the only saver of images, whatever else is shown or sent", () => {
    expect(resolveOutputs(recordedGraph("workflow_tiny"), output)).toEqual(["3"]);
    expect(resolveOutputs(recordedGraph("workflow_save_and_preview"), output)).toEqual(["3"]);
    expect(resolveOutputs(recordedGraph("workflow_progress_and_binary_preview"), output)).toEqual(["3"]);
    expect(resolveOutputs(recordedGraph("workflow_save_and_preview"), temp)).toEqual(["3"]);
  });

  test.each(["SaveEXR", "SaveTiff16", "Save Image AVIF"])("a %s is refused, and passed over where another saver is there", (classType) => {
    const graph = graphOf({ "1": image, "7": [classType, { images: ["1", 0], filename_prefix: "x" }], "8": save });
    expect(resolveOutputs(graph, output)).toEqual(["8"]);
    expect(configErrorOf(() => resolveOutputs(graph, { ...output, outputs: [7] }))).toContain("another format than PNG, JPEG and WebP");
  });

  test("several savers are an error that lists them, ready to paste", () => {
    const error = configErrorOf(() => resolveOutputs(recordedGraph("workflow_one_bad_output_of_two"), output));
    expect(error).toContain("Cannot choose the output of workflow main: 2 nodes save images");
    expect(error).toContain('\n  outputs: ["3"]  # node 3 (SaveImage)\n  outputs: ["8"]  # node 8 (SaveImage)');
  });

  test("takes those configured, as numbers or texts, each once", () => {
    const graph = graphOf({ "1": image, "7": save, "12:8": save });
    expect(resolveOutputs(graph, { ...output, outputs: [7, "12:8", "7"] })).toEqual(["7", "12:8"]);
  });

  test("a preview serves only with save_as temp, and only without a saver", () => {
    const graph = graphOf({ "1": image, "2": preview });
    expect(resolveOutputs(graph, temp)).toEqual(["2"]);
    expect(configErrorOf(() => resolveOutputs(graph, output))).toMatch(
      /no node that saves images, only node 2 \(PreviewImage\)[\s\S]*save_as: temp/,
    );
    expect(configErrorOf(() => resolveOutputs(graph, { ...output, outputs: [2] }))).toContain("temp folder only");
    expect(configErrorOf(() => resolveOutputs(graphOf({ "1": image, "2": preview, "3": preview }), temp))).toContain("2 nodes save images");
  });

  test("custom savers count by their filename_prefix", () => {
    const graph = graphOf({ "1": image, "2": ["Image Save", { images: ["1", 0], filename_prefix: "x", output_path: "" }] });
    expect(resolveOutputs(graph, output)).toEqual(["2"]);
    const other = graphOf({ "1": image, "2": ["Image Saver", { images: ["1", 0], filename: "x" }] });
    expect(configErrorOf(() => resolveOutputs(other, { ...output, outputs: ["2"] }))).toContain("takes no filename_prefix");
    expect(configErrorOf(() => resolveOutputs(other, output))).toContain("no node that saves images, only node 2 (Image Saver)");
  });

  test.each([
    ["SaveVideo", "video"],
    ["SaveWEBM", "video"],
    ["VHS_VideoCombine", "video"],
    ["SaveAnimatedWEBP", "animations"],
    ["SaveAnimatedPNG", "animations"],
    ["SaveAudio", "audio"],
    ["SaveAudioMP3", "audio"],
    ["SaveAudioOpus", "audio"],
    ["SaveGLB", "3D models"],
    ["SaveSVGNode", "vector graphics"],
    ["SaveLatent", "latents"],
    ["CheckpointSave", "models"],
    ["SaveImageWebsocket", "sends its images away"],
    ["VAEDecode", "it saves nothing"],
  ])("refuses %s by name", (classType, reason) => {
    const inputs = classType === "VAEDecode" ? {} : { filename_prefix: "x" };
    const graph = graphOf({ "5": [classType, inputs, "My node"] });
    const error = configErrorOf(() => resolveOutputs(graph, { ...output, outputs: ["5"] }));
    expect(error).toContain(`Cannot use node 5 (${classType} "My node") as an output of workflow main`);
    expect(error).toContain(reason);
    expect(configErrorOf(() => resolveOutputs(graph, output))).toContain("no node that saves images");
  });

  test("refuses what is not there, an empty list, and a saver that temp cannot replace", () => {
    const graph = graphOf({
      "1": image,
      "2": ["Image Save", { images: ["1", 0], filename_prefix: "x" }],
      "3": ["ImageInvert", { image: ["2", 0] }],
    });
    expect(configErrorOf(() => resolveOutputs(graph, { ...output, outputs: [9] }))).toMatch(/no such node[\s\S]*savers of images: node 2/);
    expect(configErrorOf(() => resolveOutputs(graph, { ...output, outputs: [] }))).toContain("empty list");
    expect(configErrorOf(() => resolveOutputs(graph, temp))).toContain("node 3 (ImageInvert) uses its result");
    expect(configErrorOf(() => resolveOutputs(graphOf({ "2": ["SaveImage", {}] }), temp))).toContain("linked input images");
  });
});

describe("saverKindOf()", () => {
  test.each([
    ["LoadImageOutput", {}, undefined],
    ["KSampler", {}, undefined],
    ["SaveImageExtended", { filename_prefix: "x" }, "image"],
    ["Save Image w/Metadata", {}, "image"],
    ["SaveVideoAdvanced", {}, "video"],
    ["SaveLoraCustom", {}, "model"],
  ])("%s is %s", (classType, inputs, kind) => {
    expect(saverKindOf({ class_type: classType, inputs })).toBe(kind);
  });
});

describe("dropOtherSavers()", () => {
  test("drops savers and previews that are no outputs, keeps what feeds them", () => {
    const graph = graphOf({
      "1": image,
      "2": save,
      "3": preview,
      "4": ["CheckpointSave", { filename_prefix: "x", model: ["9", 0] }],
      "5": ["Image Save", { filename_prefix: "x", images: ["1", 0] }],
      "6": preview,
      "7": ["SaveVideo", { filename_prefix: "x", video: ["5", 0] }],
      "8": ["Image Save", { filename_prefix: "x", images: ["1", 0] }],
      "9": ["ImageInvert", { image: ["8", 0] }],
    });
    expect(Object.keys(dropOtherSavers(graph, ["2"]))).toEqual(["1", "2", "8", "9"]);
    expect(Object.keys(dropOtherSavers(graph, ["3"]))).toEqual(["1", "3", "8", "9"]);
    expect(Object.keys(graph)).toHaveLength(9);
  });
});
