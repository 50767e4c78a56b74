import type { Release } from "../nodes/releases.ts";
import { dict, type PyDict } from "../python-json.ts";

/** A pretend machine: 24 GiB and no GPU. */
const RAM_TOTAL = 25_769_803_776n;
const RAM_FREE = 23_622_320_128n;

interface SystemStatsOptions extends Pick<Release, "system"> {
  readonly version: string;
  readonly argv: readonly string[];
  /** Other people's work has all of its memory. */
  readonly isFull: boolean;
}

/** The body of GET /system_stats. On a CPU server the index is null and the video memory is the RAM. */
export function systemStats({ system: own, version, argv, isFull }: SystemStatsOptions): PyDict {
  const free = isFull ? 0n : RAM_FREE;
  const system = dict({
    ram_total: RAM_TOTAL,
    ram_free: free,
    comfyui_version: version,
    python_version: "3.11.7 (emulated)",
    pytorch_version: "2.13.0+cpu",
    embedded_python: false,
    argv,
  });
  for (const [key, value] of own) system.set(key, value);
  const device = dict({
    name: "cpu",
    type: "cpu",
    index: null,
    vram_total: RAM_TOTAL,
    vram_free: free,
    torch_vram_total: RAM_TOTAL,
    torch_vram_free: free,
  });
  return dict({ system, devices: [device] });
}
