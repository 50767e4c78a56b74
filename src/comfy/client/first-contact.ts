import { FatalError } from "../../errors.ts";
import type { Call } from "../connection/connection.ts";
import type { Http } from "../connection/http.ts";
import { foreignApiOf } from "./job-api.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { parseSystemStats, type SystemStats } from "./system-stats.ts";

/**
 * GET /system_stats: what every server is asked before anything else, and whenever it comes back.
 * @throws {FatalError} for what is surely no ComfyUI, by name: asking again would not make it one.
 */
export async function readSystemStats(http: Http, signal: AbortSignal): Promise<SystemStats> {
  const call: Call = { method: "GET", path: "/system_stats", signal };
  const { statusCode: status, headers, body } = await http.exchange(call);
  const text = await http.textOf(call, body);
  const foreign = foreignApiOf({ status, text });
  if (foreign !== undefined) {
    throw new FatalError(
      `Cannot use ${http.url} as a ComfyUI server: what answers there is ${foreign.name}; a server must speak ComfyUI's own API`,
      { hint: foreign.instead },
    );
  }
  if (status !== 200) throw http.refusal(call, { status, headers, text });
  const answer = tryParsePython(text);
  const stats = answer === undefined ? undefined : parseSystemStats(answer);
  if (stats === undefined) throw http.foreign(call, text);
  return stats;
}
