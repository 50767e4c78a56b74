import { describe, expect, test } from "vitest";
import { describeEpoch, epochKeyOf, serverEpoch } from "../../../src/comfy/client/server-epoch.ts";
import { parseSystemStats } from "../../../src/comfy/client/system-stats.ts";
import type { JsonObject } from "../../../src/lib/exact-json.ts";

const epochOf = (
  argv: readonly string[],
  changes: JsonObject = {},
  devices: readonly JsonObject[] = [{ name: "cuda:0 A" }, { name: "cuda:1 B" }],
) =>
  serverEpoch(
    parseSystemStats({
      system: { comfyui_version: "0.33.0", pytorch_version: "2.9.1+cu128", python_version: "3.11.7 (main) [GCC 12]", argv, ...changes },
      devices,
    })!,
  );

describe("serverEpoch()", () => {
  test("is ComfyUI, PyTorch, Python, the device that is used, and arguments", () => {
    expect(epochOf(["main.py", "--fast", "fp16_accumulation"])).toEqual({
      comfyui: "0.33.0",
      pytorch: "2.9.1+cu128",
      python: "3.11.7",
      device: "cuda:0 A",
      arguments: ["--fast fp16_accumulation"],
    });
    expect(describeEpoch(epochOf([]))).toBe("ComfyUI 0.33.0, PyTorch 2.9.1+cu128, Python 3.11.7 on cuda:0 A");
  });

  test("servers that differ only in where they are, and in the order of their arguments, are alike", () => {
    const one = epochOf(["main.py", "--port", "8188", "--cpu", "--base-directory", "/a", "--fast"]);
    const other = epochOf(["/opt/ComfyUI/main.py", "--fast", "--listen=0.0.0.0", "--cpu", "--port=8189"]);
    expect(epochKeyOf(one)).toBe(epochKeyOf(other));
    expect(one.arguments).toEqual(["--cpu", "--fast"]);
  });

  test("anything else that differs makes another epoch", () => {
    const keys = [
      epochOf([]),
      epochOf(["--fast"]),
      epochOf(["--fast", "cublas_ops"]),
      epochOf([], { comfyui_version: "0.34.0" }),
      epochOf([], { pytorch_version: "2.10" }),
      epochOf([], { python_version: "3.12" }),
      epochOf([], {}, [{ name: "cuda:1 B" }, { name: "cuda:0 A" }]),
      epochOf([], {}, []),
    ].map(epochKeyOf);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
