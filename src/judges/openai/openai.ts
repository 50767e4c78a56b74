import { FatalError, TransientError } from "../../errors.ts";
import type { Judge, JudgeImage, Score } from "../judge.ts";
import type { ChatAnswer } from "./chat-completion.ts";
import { openChat, type OpenaiJudgeConfig } from "./chat.ts";
import { createPairwiseMode } from "./pairwise-mode.ts";
import { createPointwiseMode } from "./pointwise-mode.ts";
import { readTemplate, type Template } from "./template.ts";
import { isJsonArray, isJsonObject } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { serverWords } from "../../lib/http/failure.ts";
import { isSuccess, type JudgeServer, createRefusalError } from "../judge-server.ts";

export interface OpenaiJudgeNeeds {
  /** Returns the version of the judge that `by` names. */
  readonly versionOf: (judge: string) => string;
}

/**
 * Creates a judge that asks an OpenAI-compatible vision model. It sends POST /chat/completions, at temperature 0 and with structured output
 * if the server supports them. An answer that cannot be read, and an image that the server refuses, gives a score of null. Raw answers
 * are stored with the scores.
 * @throws {ConfigError} if prompt_file cannot be read.
 */
export function createOpenaiJudge(config: OpenaiJudgeConfig, { versionOf }: OpenaiJudgeNeeds): Judge {
  const { name, by, max_requests: maxRequests } = config;
  const template = readTemplate({ judge: name, mode: config.mode, file: config.prompt_file });
  const chat = openChat(config);
  const mode = config.mode === "pointwise" ? createPointwiseMode(config, template) : createPairwiseMode(config, template);
  const cache = createAnswerCache();

  async function score(prompt: string, images: readonly JudgeImage[], signal: AbortSignal): Promise<readonly Score[] | null> {
    const questions = mode.planQuestions(prompt, images);
    if (maxRequests !== undefined && questions.length > maxRequests) {
      throw new FatalError(
        `Cannot score ${images.length} images with ${name}: that takes ${questions.length} requests, and max_requests is ${maxRequests}`,
        {
          hint: `raise max_requests of the judge ${name}`,
        },
      );
    }
    const open = questions.filter(({ key }) => cache.get(key) === undefined);
    using share = chat.budget.reserve(open.length);
    if (share === null) return null;
    for (const each of open) cache.keep(each.key, await chat.ask({ key: each.key, question: await each.create(signal), share, signal }));
    const answers = new Map(
      questions.flatMap(({ key }): [string, ChatAnswer][] => {
        const answer = cache.get(key);
        return answer === undefined ? [] : [[key, answer]];
      }),
    );
    cache.drop([...answers.keys()]);
    return mode.readScores(images, answers);
  }

  return {
    name,
    version: formatVersion(config, template, by === undefined ? null : versionOf(by)),
    technical: false,
    relative: mode.relative,
    ...(by === undefined ? {} : { after: by }),
    ...(maxRequests === undefined ? {} : { maxRequests }),
    score,
    requestsFor: (images) => mode.countQuestions(images.length),
    probe: (signal) => probeModels(chat.server, { judge: name, url: config.url, model: config.model }, signal),
    usage: () => chat.usage(),
    notes: () => chat.notes(),
    close: () => chat.server.close(),
  };
}

/** Formats the version, which names everything that a score depends on: `qwen-vl pairwise 0a1b2c3d4e5f top-bottom by pickscore@1`. */
function formatVersion(
  { model, mode, pairs, by, max_side: maxSide }: OpenaiJudgeConfig,
  { hash }: Template,
  byVersion: string | null,
): string {
  const among = mode === "pairwise" ? [by === undefined ? pairs : `${pairs} by ${by}@${byVersion}`] : [];
  return [model, mode, hash, ...among, ...(maxSide === null ? [] : [`max_side ${maxSide}`])].join(" ");
}

/** More answers than the groups in flight can leave behind, whatever the concurrency. */
const KEPT_MAX = 10_000;

/** Answers about groups that are not complete. A group that failed at its last question need not ask the others again. */
interface AnswerCache {
  get(key: string): ChatAnswer | undefined;
  keep(key: string, answer: ChatAnswer): void;
  drop(keys: readonly string[]): void;
}

function createAnswerCache(): AnswerCache {
  const kept = new Map<string, ChatAnswer>();
  return {
    get: (key) => kept.get(key),
    keep(key, answer) {
      const [oldest] = kept.keys();
      if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      kept.set(key, answer);
    },
    drop(keys) {
      for (const key of keys) kept.delete(key);
    },
  };
}

/** Most models that a message lists. */
const NAMED_MAX = 5;

interface ProbeOptions {
  readonly judge: string;
  readonly url: string;
  readonly model: string;
}

/** Looks for the model in GET /models, which costs nothing. Returns a description of what it found. */
async function probeModels(server: JudgeServer, { judge, url, model }: ProbeOptions, signal: AbortSignal): Promise<string> {
  const base = url.replace(/\/+$/, "");
  const answer = await server.ask({ method: "GET", url: `${base}/models`, signal });
  const what = `ask the judge ${judge} at ${base}`;
  // Compatible servers need not have it.
  if (answer.status === 404 || answer.status === 405) return `${base} answers, and does not list its models`;
  if (!isSuccess(answer)) throw createRefusalError({ what, judge }, answer);
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
