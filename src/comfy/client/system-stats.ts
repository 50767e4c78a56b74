import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";

export interface Device {
  readonly name: string;
  readonly type: string;
  readonly vramTotalBytes: number;
  readonly vramFreeBytes: number;
}

/** What GET /system_stats says, as far as it says it. */
export interface SystemStats {
  /** "unknown" where the server does not say. */
  readonly version: string;
  readonly os: string;
  /** "unknown" where the server does not say; `2.9.1+cu128`. */
  readonly pytorch: string;
  /** Without the compiler: `3.11.7`. */
  readonly python: string;
  readonly argv: readonly string[];
  readonly ramTotalBytes: number;
  readonly ramFreeBytes: number;
  /** The one that it uses first; newer versions list all that the machine has. */
  readonly devices: readonly Device[];
  /** Started with --disable-metadata: its PNGs do not name their job. */
  readonly withoutMetadata: boolean;
}

/** Lenient, since versions differ in what they tell; undefined where nothing says that this is ComfyUI. */
export function parseSystemStats(answer: Json): SystemStats | undefined {
  if (!isJsonObject(answer) || !isJsonObject(answer["system"])) return undefined;
  const { system } = answer;
  const argv = isJsonArray(system["argv"]) ? system["argv"].filter((word) => typeof word === "string") : [];
  const devices = isJsonArray(answer["devices"]) ? answer["devices"].filter(isJsonObject) : [];
  return {
    version: textOf(system["comfyui_version"], "unknown"),
    os: textOf(system["os"], ""),
    pytorch: textOf(system["pytorch_version"], "unknown"),
    python: textOf(system["python_version"], "unknown").split(" ", 1)[0] ?? "unknown",
    argv,
    ramTotalBytes: bytesOf(system["ram_total"]),
    ramFreeBytes: bytesOf(system["ram_free"]),
    devices: devices.map((device) => ({
      name: textOf(device["name"], "device"),
      type: textOf(device["type"], ""),
      vramTotalBytes: bytesOf(device["vram_total"]),
      vramFreeBytes: bytesOf(device["vram_free"]),
    })),
    withoutMetadata: argv.includes("--disable-metadata"),
  };
}

const textOf = (value: Json | undefined, fallback: string): string => (typeof value === "string" ? value : fallback);
/** A backend that cannot tell says NaN or Infinity: that is no number of bytes. */
const bytesOf = (value: Json | undefined): number => {
  const bytes = typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
  return Number.isFinite(bytes) ? bytes : 0;
};
