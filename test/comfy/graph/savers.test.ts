import { describe, expect, test } from "vitest";
import { configErrorOf, graphOf } from "./workflow-fixtures.ts";
import { refuseUnsupported } from "../../../src/comfy/graph/savers.ts";

const outputs = { outputs: ["9"], variant: "base" };
const saver = (inputs: Readonly<Record<string, string>>) =>
  graphOf({ "9": ["SaveImageAdvanced", { images: ["8", 0], filename_prefix: "x", ...inputs }] });

describe("refuseUnsupported()", () => {
  test.each([
    ["format", "exr"],
    ["format", "AVIF"],
    ["extension", ".tiff"],
    ["file_type", "image/avif"],
    ["output_format", "EXR 32-bit float"],
    ["format", "video/webm"],
    ["image_format", "jpeg xl"],
  ])("refuses a saver whose %s is %j", (input, value) => {
    const error = configErrorOf(() => refuseUnsupported(saver({ [input]: value }), outputs));
    expect(error).toContain(`node 9 (SaveImageAdvanced) as an output of variant base: its input "${input}" is "${value}"`);
    expect(error).toContain(`"9.${input}": png`);
  });

  test.each([
    ["format", "png"],
    ["format", "jpeg"],
    ["extension", ".webp"],
    ["format.bit_depth", "16-bit"],
    ["filename_prefix", "exr"],
    ["caption", "gifted"],
    ["format", "tiffany"],
  ])("takes one whose %s is %j", (input, value) => {
    expect(() => refuseUnsupported(saver({ [input]: value }), outputs)).not.toThrow();
  });

  test("looks at outputs alone", () => {
    expect(() => refuseUnsupported(saver({ format: "exr" }), { ...outputs, outputs: ["7"] })).not.toThrow();
  });
});
