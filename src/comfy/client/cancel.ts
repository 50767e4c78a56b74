import { isJsonObject } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import type { Call } from "../connection/connection.ts";
import type { Http } from "../connection/http.ts";
import { parseQueue } from "./queue.ts";

/** Takes prompts back, as the server can. */
export interface Canceller {
  cancel(promptId: string, signal: AbortSignal): Promise<void>;
  /** The server may be another version: what it can do is tried anew. */
  forget(): void;
}

/**
 * Takes prompts back by POST /api/jobs/ID/cancel (0.26 and later), which looks and acts in one step. The first call finds out whether the
 * server has it; where not, a waiting prompt is deleted from the queue, and a running one is interrupted by its id. Servers older than
 * 0.3.5x
 * do not look at that id and interrupt whatever runs: so the queue is looked at first.
 */
export function canceller(http: Http): Canceller {
  let knowsCancel = true;

  async function viaJob(promptId: string, signal: AbortSignal): Promise<boolean> {
    const call: Call = { method: "POST", path: `/api/jobs/${encodeURIComponent(promptId)}/cancel`, signal };
    const { statusCode, body } = await http.exchange(call);
    const text = await http.textOf(call, body);
    const answer = statusCode === 200 ? tryParsePython(text) : undefined;
    return answer !== undefined && isJsonObject(answer) && typeof answer["cancelled"] === "boolean";
  }

  async function viaQueue(promptId: string, signal: AbortSignal): Promise<void> {
    await http.done({ method: "POST", path: "/queue", json: JSON.stringify({ delete: [promptId] }), signal });
    const { running } = await http.json({ method: "GET", path: "/queue", signal }, parseQueue);
    if (!running.some((item) => item.promptId === promptId)) return;
    await http.done({ method: "POST", path: "/interrupt", json: JSON.stringify({ prompt_id: promptId }), signal });
  }

  return {
    async cancel(promptId, signal) {
      if (knowsCancel) knowsCancel = await viaJob(promptId, signal);
      if (!knowsCancel) await viaQueue(promptId, signal);
    },
    forget: () => void (knowsCancel = true),
  };
}
