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
  /** The version of the judge that this one goes by. */
  readonly versionOf: (judge: string) => string;
}

/**
 * Any OpenAI-compatible vision model: POST /chat/completions at temperature 0 and with structured output, where the server takes them.
 * What cannot be read, and an image that the server refuses, is null. Raw answers are kept with the scores.
 * @throws {ConfigError} if prompt_file cannot be read.
 */
export function createOpenaiJudge(config: OpenaiJudgeConfig, { versionOf }: OpenaiJudgeNeeds): Judge {
  const { name, by, max_requests: maxRequests } = config;
  const template = readTemplate({ judge: name, mode: config.mode, file: config.prompt_file });
  const chat = openChat(config);
  const mode = config.mode === "pointwise" ? createPointwiseMode(config, template) : createPairwiseMode(config, template);
  const answers = openAnswers();

  async function score(prompt: string, images: readonly JudgeImage[], signal: AbortSignal): Promise<readonly Score[] | null> {
    const asked = mode.questionsOf(prompt, images);
    if (maxRequests !== undefined && asked.length > maxRequests) {
      throw new FatalError(
        `Cannot score ${images.length} images with ${name}: that takes ${asked.length} requests, and max_requests is ${maxRequests}`,
        {
          hint: `raise max_requests of the judge ${name}`,
        },
      );
    }
    const open = asked.filter(({ key }) => answers.get(key) === undefined);
    using share = chat.budget.reserve(open.length);
    if (share === null) return null;
    for (const each of open)
      answers.keep(each.key, await chat.ask({ key: each.key, question: await each.question(signal), share, signal }));
    const given = new Map(
      asked.flatMap(({ key }): [string, ChatAnswer][] => {
        const answer = answers.get(key);
        return answer === undefined ? [] : [[key, answer]];
      }),
    );
    answers.drop([...given.keys()]);
    return mode.scoresOf(images, given);
  }

  return {
    name,
    version: versionFor(config, template, by === undefined ? null : versionOf(by)),
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

/** All that decides a score, readable: `qwen-vl pairwise 0a1b2c3d4e5f top-bottom by pickscore@1`. */
function versionFor(
  { model, mode, pairs, by, max_side: maxSide }: OpenaiJudgeConfig,
  { hash }: Template,
  byVersion: string | null,
): string {
  const among = mode === "pairwise" ? [by === undefined ? pairs : `${pairs} by ${by}@${byVersion}`] : [];
  return [model, mode, hash, ...among, ...(maxSide === null ? [] : [`max_side ${maxSide}`])].join(" ");
}

/** Of groups that failed in the middle; more than any concurrency leaves behind. */
const KEPT_MAX = 10_000;

/** Answers of groups that are not whole yet: a group that failed at its last question is not asked all the others again. */
interface Answers {
  get(key: string): ChatAnswer | undefined;
  keep(key: string, answer: ChatAnswer): void;
  drop(keys: readonly string[]): void;
}

function openAnswers(): Answers {
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

/** Models named where the wanted one is missing. */
const NAMED_MAX = 5;

interface ProbeOptions {
  readonly judge: string;
  readonly url: string;
  readonly model: string;
}

/** Looks for the model in GET /models, which costs nothing. Answers what was found, in words. */
async function probeModels(server: JudgeServer, { judge, url, model }: ProbeOptions, signal: AbortSignal): Promise<string> {
  const base = url.replace(/\/+$/, "");
  const answer = await server.ask({ method: "GET", url: `${base}/models`, signal });
  const what = `ask the judge ${judge} at ${base}`;
  // Optional among compatible servers.
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
