import { FatalError } from "../../errors.ts";
import type { Judge, JudgeImage, Score } from "../judge.ts";
import { openAnswers } from "./answers.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import { openChat, type OpenaiJudgeConfig } from "./chat.ts";
import { pairwiseMode } from "./pairwise-mode.ts";
import { pointwiseMode } from "./pointwise-mode.ts";
import { probeModels } from "./probe-models.ts";
import { readTemplate, type Template } from "./template.ts";

export interface OpenaiJudgeNeeds {
  /** The version of the judge that this one goes by. */
  readonly versionOf: (judge: string) => string;
}

/**
 * Any OpenAI-compatible vision model: POST /chat/completions at temperature 0 and with structured output, where the server takes them.
 * What cannot be read, and an image that the server refuses, is null. Raw answers are kept with the scores.
 * @throws {ConfigError} if prompt_file cannot be read.
 */
export function openaiJudge(config: OpenaiJudgeConfig, { versionOf }: OpenaiJudgeNeeds): Judge {
  const { name, by, max_requests: maxRequests } = config;
  const template = readTemplate({ judge: name, mode: config.mode, file: config.prompt_file });
  const chat = openChat(config);
  const mode = config.mode === "pointwise" ? pointwiseMode(config, template) : pairwiseMode(config, template);
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
