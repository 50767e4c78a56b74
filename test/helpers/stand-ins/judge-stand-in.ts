import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { startHttpServer } from "./http-server.ts";

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface StandIn extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly Seen[];
}

/** Answers a request, or leaves it without an answer. */
export type Respond = (seen: Seen, response: ServerResponse) => void;

/** Starts a server that answers with the first of `responds`, each once; the last for ever. */
export async function startStandIn(...responds: readonly Respond[]): Promise<StandIn> {
  const left = [...responds];
  const seen: Seen[] = [];
  const server = await startHttpServer(async (asked, answered) => {
    const { method = "", url = "", headers } = asked;
    const one = { method, path: url, headers, body: await text(asked) };
    seen.push(one);
    const respond = left.length > 1 ? left.shift() : left[0];
    respond?.(one, answered);
  });
  return { url: server.url, seen, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

export interface Plain {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export function answering(body: unknown, { status = 200, headers = {} }: Plain = {}): Respond {
  return (_seen, response) =>
    void response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body));
}

interface ScoreBody {
  readonly prompt: string;
  readonly images: readonly { readonly id: string; readonly b64?: string; readonly url?: string }[];
}

export function scoreBodyOf({ body }: Seen): ScoreBody {
  return JSON.parse(body) as ScoreBody; // What the judge under test sent.
}

/** A score of 0…1 from prompt and bytes: the same for the same. */
export function fakeScore(prompt: string, bytes: Uint8Array): number {
  return createHash("sha256").update(prompt).update(bytes).digest().readUInt32BE(0) / 2 ** 32;
}

/** What a server of the http judge's protocol answers. */
export const scoringAll: Respond = (seen, response) => {
  const { prompt, images } = scoreBodyOf(seen);
  const scores = images.map(({ id, b64 = "" }) => ({ id, score: fakeScore(prompt, Buffer.from(b64, "base64")) }));
  answering({ scores, model: "stand-in" })(seen, response);
};

interface ChatBody {
  readonly model: string;
  readonly temperature?: number;
  readonly response_format?: { readonly json_schema: { readonly name: string } };
  readonly messages: readonly { readonly content: readonly ChatPart[] }[];
  readonly [key: string]: unknown;
}

type ChatPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } };

export function chatBodyOf({ body }: Seen): ChatBody {
  return JSON.parse(body) as ChatBody; // What the judge under test sent.
}

/** The images of a question, in their order. */
export function imagesOf(seen: Seen): readonly Buffer[] {
  const parts = chatBodyOf(seen).messages.flatMap(({ content }) => content);
  return parts.flatMap((part) => (part.type === "image_url" ? [Buffer.from(part.image_url.url.split(",")[1] ?? "", "base64")] : []));
}

/** A chat completion that says this. */
export function saying(content: string | null, usage = { prompt_tokens: 100, completion_tokens: 5 }): Respond {
  return answering({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }], usage });
}

/** A model that likes the image more whose bytes hash higher, whichever comes first; of one it says how much. */
export const judgingAll: Respond = (seen, response) => {
  if (seen.method === "GET") return answering({ data: [{ id: "stand-in-vl" }] })(seen, response);
  const [first = 0, second] = imagesOf(seen).map((bytes) => fakeScore("", bytes));
  const answer = second === undefined ? { score: Math.round(10 + 90 * first) / 10 } : { better: first > second ? "A" : "B" };
  saying(JSON.stringify(answer))(seen, response);
};
