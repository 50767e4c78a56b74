import { expect, it } from "vitest";
import { graphChanges } from "../../../src/comfy/graph/graph-changes.ts";

const SAMPLER = { class_type: "KSampler", inputs: { seed: 1, cfg: 7, model: ["1", 0] } };

it("names nodes and inputs that differ, without those that each job fills", () => {
  const before = { "4": SAMPLER, "7": { class_type: "SaveImage", inputs: {} } };
  const after = {
    "4": { class_type: "KSampler", inputs: { seed: 2, cfg: 8.5, denoise: 1, model: ["1", 0] } },
    "8": { class_type: "PreviewImage", inputs: {} },
  };
  expect(graphChanges(before, after, { ignored: [{ nodeId: "4", input: "seed" }] })).toEqual([
    "4.cfg: 7 → 8.5",
    "4.denoise: nothing → 1",
    "node 7 (SaveImage) is gone",
    "node 8 (PreviewImage) is new",
  ]);
  expect(graphChanges(before, before, { ignored: [] })).toEqual([]);
});
