import { isJsonArray, isJsonObject, type Json } from "../lib/exact-json.ts";

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
  readonly argv: readonly string[];
  readonly ramTotalBytes: number;
  readonly ramFreeBytes: number;
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
