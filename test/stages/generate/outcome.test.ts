import { describe, expect, it } from "vitest";
import type { HistoryEntry } from "../../../src/comfy/client/history-entry.ts";
import { outcomeOf } from "../../../src/stages/generate/outcome.ts";

const image = (nodeId: string, type: string, index = 0) => ({ nodeId, index, filename: `${nodeId}_${index}.png`, subfolder: "", type });
const entry = (changes: Partial<HistoryEntry>): HistoryEntry => ({
  promptId: "a",
  mark: null,
  number: 1,
  outputs: [],
  status: "success",
  error: null,
  cachedNodes: [],
  prompt: {},
  startedAtMs: null,
  finishedAtMs: null,
  ...changes,
});
const options = { outputs: ["7"] };

describe("outcomeOf()", () => {
  it("takes the bound node's images and no previews, nor what other nodes saved", () => {
    const outputs = [image("7", "output", 0), image("7", "output", 1), image("7", "temp"), image("9", "output")];
    expect(outcomeOf(entry({ outputs }), options)).toEqual({ kind: "images", images: outputs.slice(0, 2) });
  });

  it("takes previews where nothing else was saved, as save_as: temp asks, whatever the configuration says now", () => {
    const outputs = [image("7", "temp", 0), image("9", "output")];
    expect(outcomeOf(entry({ outputs }), options)).toEqual({ kind: "images", images: outputs.slice(0, 1) });
  });

  it("calls a success without an image what it is", () => {
    expect(outcomeOf(entry({ outputs: [image("9", "output")] }), options)).toEqual({ kind: "no-output" });
  });

  it("lets an error outweigh the images that were saved before it", () => {
    const error = { nodeId: "3", classType: "KSampler", exceptionType: "RuntimeError", message: "boom", isOutOfMemory: false };
    const outcome = outcomeOf(entry({ status: "error", error, outputs: [image("7", "output")] }), options);
    expect(outcome).toEqual({ kind: "error", detail: "node 3 (KSampler): RuntimeError: boom" });
  });

  it("tells out of memory and interruptions from other errors", () => {
    const error = { nodeId: "3", classType: "KSampler", exceptionType: "torch.OutOfMemoryError", message: "", isOutOfMemory: true };
    expect(outcomeOf(entry({ status: "error", error }), options).kind).toBe("out-of-memory");
    expect(outcomeOf(entry({ status: "interrupted" }), options).kind).toBe("interrupted");
    expect(outcomeOf(entry({ status: "error" }), options).kind).toBe("error");
  });
});
