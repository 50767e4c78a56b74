import { FatalError, TransientError } from "../../errors.ts";
import { isJsonArray, isJsonObject } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { serverWords } from "../../lib/http/failure.ts";
import { judgeRefusal } from "../judge-refusal.ts";
import { isSuccess, type JudgeServer } from "../judge-server.ts";

/** Models named where the wanted one is missing. */
const NAMED_MAX = 5;

export interface ProbeOptions {
  readonly judge: string;
  readonly url: string;
  readonly model: string;
}

/** Looks for the model in GET /models, which costs nothing. Answers what was found, in words. */
export async function probeModels(server: JudgeServer, { judge, url, model }: ProbeOptions, signal: AbortSignal): Promise<string> {
  const base = url.replace(/\/+$/, "");
  const answer = await server.ask({ method: "GET", url: `${base}/models`, signal });
  const what = `ask the judge ${judge} at ${base}`;
  // Optional among compatible servers.
  if (answer.status === 404 || answer.status === 405) return `${base} answers, and does not list its models`;
  if (!isSuccess(answer)) throw judgeRefusal({ what, judge }, answer);
  const list = tryParsePython(answer.text);
  const data = isJsonObject(list) ? list["data"] : undefined;
  if (!isJsonArray(data)) throw new TransientError(`Cannot ${what}: GET /models answers ${serverWords(answer.text) || "HTML or nothing"}`);
  const ids = data.flatMap((each) => (isJsonObject(each) && typeof each["id"] === "string" ? [each["id"]] : []));
  if (ids.includes(model)) return `${base} serves ${model}`;
  const there =
    ids.length === 0 ? "; it lists none" : `; there is ${ids.slice(0, NAMED_MAX).join(", ")}${ids.length > NAMED_MAX ? ", …" : ""}`;
  throw new FatalError(`Cannot ${what}: it serves no model "${model}"${didYouMean(model, ids) || there}`, {
    hint: `set model of the judge ${judge} to one that GET ${base}/models lists`,
  });
}
