import type { JudgeConfig } from "../../config/schema.ts";
import { TransientError } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { MIB } from "../../lib/units.ts";
import { serverWords } from "../../lib/http/failure.ts";
import { formatScoreRequest, parseScores } from "./protocol.ts";
import { isSuccess, openJudgeServer, type JudgeAnswer, createRefusalError } from "../judge-server.ts";
import type { Judge, JudgeImage, Score } from "../judge.ts";

export type HttpJudgeConfig = Extract<JudgeConfig, { readonly kind: "http" }>;

/**
 * Creates a judge that asks a server of your own: POST {prompt, images: [{id, b64 | url}]} returns {scores: [{id, score, sigma?}]}.
 * The protocol is described in docs/judges.md. `score` throws TransientError if the server is away or busy, or if its answer does not
 * fit the images. It throws FatalError for 3xx and 4xx.
 */
export function createHttpJudge(config: HttpJudgeConfig): Judge {
  const { name, url, version, headers, concurrency, send } = config;
  const server = openJudgeServer({ headers, connections: concurrency, timeoutMs: config.timeout_s * 1_000 });

  const ask = (prompt: string, images: readonly JudgeImage[], signal: AbortSignal): Promise<JudgeAnswer> =>
    server.ask({ method: "POST", url, json: formatScoreRequest(prompt, images, { send, signal }), signal });

  async function scoreBatch(prompt: string, images: readonly JudgeImage[], signal: AbortSignal): Promise<readonly Score[]> {
    const what = `score ${counted(images.length, "image")} with ${name} at ${url}`;
    const answer = await ask(prompt, images, signal);
    if (!isSuccess(answer)) throw createRefusalError({ what, judge: name }, answer);
    const parsed = parseScores(
      answer.text,
      images.map(({ imageId }) => imageId),
    );
    if ("why" in parsed)
      throw new TransientError(`Cannot ${what}: ${parsed.why}`, { hint: "docs/judges.md says what a server has to answer" });
    return parsed.scores;
  }

  return {
    name,
    version,
    technical: false,
    requestsFor: (images) => splitIntoBatches(images).length,
    async score(prompt, images, signal) {
      const scores: Score[] = [];
      for (const batch of splitIntoBatches(images)) scores.push(...(await scoreBatch(prompt, batch, signal)));
      return scores;
    },
    async probe(signal) {
      const answer = await ask("", [], signal);
      if (isSuccess(answer)) return describeProbe(answer.text, url);
      // The server speaks HTTP. Only our probe sends a request without images, so it need not accept one.
      if (answer.status === 400 || answer.status === 422) return `${url} answers, but not to a question without images (${answer.status})`;
      throw createRefusalError({ what: `ask the judge ${name} at ${url}`, judge: name }, answer);
    },
    close: () => server.close(),
  };
}

/** Describes an answer to a probe. A server may name its model as `model`. */
function describeProbe(text: string, url: string): string {
  const parsed = parseScores(text, []);
  if ("why" in parsed)
    throw new TransientError(`Cannot use ${url}: ${parsed.why}`, { hint: "docs/judges.md says what a server has to answer" });
  const answer = tryParsePython(text);
  const model = isJsonObject(answer) ? answer["model"] : undefined;
  return typeof model === "string" ? `${url} answers as ${serverWords(model)}` : `${url} answers`;
}

/** Most images of one request, however many seeds a prompt has. */
const BATCH_IMAGES = 64;
/** Most bytes of the images of one request: 24 large PNGs of 1024 px. A larger image is sent alone. */
const BATCH_BYTES = 64 * MIB;

/**
 * Splits a group into requests. Only a very large group takes more than one. Each image is scored by itself, so the split changes no score.
 */
export function splitIntoBatches<Image extends Pick<JudgeImage, "sizeBytes">>(images: readonly Image[]): readonly (readonly Image[])[] {
  const batches: Image[][] = [];
  let last: Image[] = [];
  let bytes = 0;
  for (const image of images) {
    if (last.length === 0 || last.length >= BATCH_IMAGES || bytes + image.sizeBytes > BATCH_BYTES) {
      last = [];
      bytes = 0;
      batches.push(last);
    }
    last.push(image);
    bytes += image.sizeBytes;
  }
  return batches;
}
