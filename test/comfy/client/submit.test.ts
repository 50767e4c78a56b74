import { describe, expect, it } from "vitest";
import { describeRefusal } from "../../../src/comfy/client/submit.ts";

const complaint = (nodeId: string, details = "ckpt_name: 'x' not in []") => ({
  nodeId,
  classType: "CheckpointLoaderSimple",
  errors: [{ type: "value_not_in_list", message: "Value not in list", details }],
});

describe("describeRefusal()", () => {
  it("says what ComfyUI holds against which node", () => {
    expect(describeRefusal({ message: "m", nodeErrors: [complaint("4")] })).toBe(
      "node 4 (CheckpointLoaderSimple): Value not in list: ckpt_name: 'x' not in []",
    );
    expect(describeRefusal({ message: "no outputs", nodeErrors: [] })).toBe("no outputs");
  });

  it("shows the first five complaints, and how many more there are", () => {
    const many = (count: number): string =>
      describeRefusal({ message: "", nodeErrors: Array.from({ length: count }, (_, index) => complaint(String(index))) });
    expect(many(5)).not.toContain("more");
    expect(many(6)).toMatch(/node 4 .*; and 1 more complaint$/);
    expect(many(20_000)).toMatch(/; and 19995 more complaints$/);
  });

  it("stays short, however much a server says", () => {
    const nodeErrors = Array.from({ length: 500 }, (_, index) => complaint(String(index), "x".repeat(10_000)));
    expect(describeRefusal({ message: "", nodeErrors }).length).toBeLessThan(3_000);
  });
});
