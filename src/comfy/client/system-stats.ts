import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { FatalError } from "../../errors.ts";
import type { Call } from "../connection/connection.ts";
import type { Http } from "../connection/http.ts";
import { tryParsePython } from "../../lib/python-json.ts";

export interface Device {
  readonly name: string;
  readonly type: string;
  readonly vramTotalBytes: number;
  readonly vramFreeBytes: number;
}

/** The content of GET /system_stats. */
export interface SystemStats {
  /** "unknown" where the server does not say. */
  readonly version: string;
  readonly os: string;
  /** "unknown" where the server does not say; `2.9.1+cu128`. */
  readonly pytorch: string;
  /** Version without the compiler, for example `3.11.7`. */
  readonly python: string;
  readonly argv: readonly string[];
  readonly ramTotalBytes: number;
  readonly ramFreeBytes: number;
  /** The one that it uses first; newer versions list all that the machine has. */
  readonly devices: readonly Device[];
  /** Started with --disable-metadata: its PNGs do not name their job. */
  readonly withoutMetadata: boolean;
}

/** Accepts missing fields, because versions differ in what they tell. Returns undefined if the answer does not come from ComfyUI. */
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
/** A backend that does not know a size answers NaN or Infinity, which counts as 0 bytes. */
const bytesOf = (value: Json | undefined): number => {
  const bytes = typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
  return Number.isFinite(bytes) ? bytes : 0;
};

/**
 * Calls GET /system_stats, the first question to every server, and whenever it comes back.
 * @throws {FatalError} for an application that is surely no ComfyUI, by name.
 */
export async function readSystemStats(http: Http, signal: AbortSignal): Promise<SystemStats> {
  const call: Call = { method: "GET", path: "/system_stats", signal };
  const { statusCode: status, headers, body } = await http.exchange(call);
  const text = await http.textOf(call, body);
  const foreign = foreignApiOf({ status, text });
  if (foreign !== undefined) {
    throw new FatalError(`Cannot use ${http.url} as a ComfyUI server: ${foreign.name} answers there, not ComfyUI's own API`, {
      hint: foreign.instead,
    });
  }
  if (status !== 200) throw http.refusal(call, { status, headers, text });
  const answer = tryParsePython(text);
  const stats = answer === undefined ? undefined : parseSystemStats(answer);
  if (stats === undefined) throw http.foreign(call, text);
  return stats;
}

/** An application that answers in place of ComfyUI, and what to try. */
interface ForeignApi {
  readonly name: string;
  readonly instead: string;
}

/** "There is no such route": ComfyUI never answers this. */
const NO_ROUTE_STATUSES: ReadonlySet<number> = new Set([404, 405]);

/**
 * Recognises, by its answer to GET /system_stats, an application that wraps ComfyUI in an API of its own: it may take POST /prompt, too,
 * and then runs something else than asked.
 */
function foreignApiOf({ status, text }: { readonly status: number; readonly text: string }): ForeignApi | undefined {
  if (!NO_ROUTE_STATUSES.has(status)) return undefined;
  // Source: Modal's gateway, where no function is behind the address.
  if (text.startsWith("modal-http:")) {
    return { name: "Modal, which has no server behind it", instead: "deploy ComfyUI there with @modal.web_server, in one container" };
  }
  const answer = tryParsePython(text);
  if (answer === undefined || !isJsonObject(answer)) return undefined;
  const { message, detail } = answer;
  // Source: fastify's default 404; SaladTechnologies' comfyui-api is built on it and does not pass other routes on.
  if (typeof message === "string" && /^Route GET:\S* not found$/.test(message)) {
    return {
      name: "a job API (a Fastify application, as SaladTechnologies' comfyui-api is one)",
      instead: "give the address of the ComfyUI behind it, by default on port 8188 of the same container",
    };
  }
  // Source: Starlette's default 404 and 405, under Cog (Replicate), RunPod's local API, and FastAPI endpoints on Modal and fal.
  if (detail === "Not Found" || detail === "Method Not Allowed") {
    return {
      name: "a job API (a FastAPI application, as those of Replicate's Cog, RunPod, Modal and fal are)",
      instead: "give the address of the ComfyUI behind it, with its path prefix if it has one",
    };
  }
  return undefined;
}
