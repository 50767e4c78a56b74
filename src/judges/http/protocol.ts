import type { StreamedJson } from "../judge-server.ts";
import type { JudgeImage, Score } from "../judge.ts";
import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { isHtml, serverWords } from "../../lib/http/failure.ts";

/** Bytes of an image that are encoded at a time. A multiple of three, so that base64 can be encoded piece by piece. */
const PIECE_BYTES = 3 * 64 * 1024;

export interface ScoreRequestOptions {
  readonly send: "b64" | "url";
  readonly signal: AbortSignal;
}

/** Formats `{prompt, images: [{id, b64 | url}]}`. Images are read one at a time, while the request is sent. */
export function formatScoreRequest(prompt: string, images: readonly JudgeImage[], { send, signal }: ScoreRequestOptions): StreamedJson {
  const head = `{"prompt":${JSON.stringify(prompt)},"images":[`;
  const parts = images.map((image, index) => ({
    image,
    before: `${index === 0 ? "" : ","}{"id":${JSON.stringify(image.imageId)},"${send}":"`,
    after: '"}',
  }));
  const sizes = parts.map(({ image, before, after }) => {
    const length = send === "url" ? Buffer.byteLength(inString(image.uri)) : 4 * Math.ceil(image.sizeBytes / 3);
    return Buffer.byteLength(before) + length + Buffer.byteLength(after);
  });

  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(head);
    for (const { image, before, after } of parts) {
      yield Buffer.from(before);
      if (send === "url") yield Buffer.from(inString(image.uri));
      else yield* base64(await image.bytes(signal));
      yield Buffer.from(after);
    }
    yield Buffer.from("]}");
  }

  return { sizeBytes: Buffer.byteLength(head) + sizes.reduce((sum, size) => sum + size, 0) + "]}".length, pieces: pieces() };
}

function* base64(bytes: Uint8Array): Generator<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length; at += PIECE_BYTES) yield Buffer.from(buffer.toString("base64", at, at + PIECE_BYTES), "latin1");
}

/** Escapes a text for use inside a JSON string. */
function inString(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The scores in the order of `ids`, or the reason why the answer cannot be used. */
type ParsedScores = { readonly scores: readonly Score[] } | { readonly why: string };

const EXPECTED = 'expected {"scores": [{"id", "score"}, …]}';

/**
 * Parses `{scores: [{id, score, sigma?}]}`, which may be in any order. A score of null, NaN or Infinity becomes null: the judge could not
 * tell. An answer that leaves out an image, repeats one, or names one that was not sent is refused as a whole.
 */
export function parseScores(text: string, ids: readonly string[]): ParsedScores {
  if (isHtml(text)) return { why: `it answers HTML, ${EXPECTED}` };
  const answer = tryParsePython(text);
  const scores = isJsonObject(answer) ? answer["scores"] : undefined;
  if (!isJsonArray(scores)) return { why: `its answer is ${text === "" ? "empty" : serverWords(text)}, ${EXPECTED}` };
  if (scores.length !== ids.length) return { why: `it answers ${scores.length} scores for ${ids.length} images` };
  const wanted = new Set(ids);
  const byId = new Map<string, Score>();
  for (const each of scores) {
    if (!isJsonObject(each)) return { why: `one of its scores is ${shown(each)}, ${EXPECTED}` };
    const { id, score, sigma } = each;
    if (typeof id !== "string" || !wanted.has(id)) return { why: `it scores an image that it was not asked about: ${shown(id)}` };
    if (byId.has(id)) return { why: `it scores the image ${id} twice` };
    if (score !== null && !isNumber(score)) return { why: `its score of the image ${id} is ${shown(score)}, expected a number or null` };
    byId.set(id, { imageId: id, score: finiteOrNull(score), ...parseSigma(sigma) });
  }
  return { scores: ids.flatMap((id) => byId.get(id) ?? []) };
}

function isNumber(value: Json | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function finiteOrNull(score: number | bigint | null): number | null {
  const value = score === null ? Number.NaN : Number(score);
  return Number.isFinite(value) ? value : null;
}

/** Returns the sigma if it is valid. It is optional, so an invalid one is ignored. */
function parseSigma(sigma: Json | undefined): { readonly sigma?: number } {
  return isNumber(sigma) && Number.isFinite(Number(sigma)) && Number(sigma) >= 0 ? { sigma: Number(sigma) } : {};
}

function shown(value: Json | undefined): string {
  return value === undefined ? "missing" : serverWords(typeof value === "bigint" ? value.toString() : JSON.stringify(value));
}
