import { isJsonObject } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

/** What answers in place of ComfyUI, and what to try. */
export interface ForeignApi {
  readonly name: string;
  readonly instead: string;
}

/** What ComfyUI never says: that it has no such route. */
const NO_ROUTE_STATUSES: ReadonlySet<number> = new Set([404, 405]);

/**
 * Recognises, by its answer to GET /system_stats, an application that wraps ComfyUI in an API of its own: it may take POST /prompt, too,
 * and then runs something else than asked.
 */
export function foreignApiOf({ status, text }: { readonly status: number; readonly text: string }): ForeignApi | undefined {
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
