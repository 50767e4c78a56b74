import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { type FatalError, TransientError } from "../../errors.ts";
import type { Json } from "../../lib/exact-json.ts";
import { isHtml, networkReason } from "../../lib/http/failure.ts";
import { withoutSecrets } from "../../lib/terminal/hidden-words.ts";
import { type Call, type Connection, type ConnectionOptions, describeCall, openConnection, type ServerAnswer } from "./connection.ts";
import { foreignAnswer, refusalOf } from "./http-failure.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { readText } from "../../lib/http/read-answer.ts";
import { MIB } from "../../lib/units.ts";

/** Largest JSON answer that is held in memory: /object_info of all classes is 0.3 MB, a deep /queue some MB. */
export const JSON_MAX_BYTES = 64 * MIB;
/** Bytes read of an error's body, whose first words are shown. */
const REFUSAL_MAX_BYTES = 64 * 1024;
/** An answer that was read to its end, or as far as is of interest. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A connection that knows how ComfyUI answers. Every method throws TransientError, FatalError, ConfigError or the abort reason. */
export interface Http extends Connection {
  /** Reads a whole body as text. */
  textOf(call: Call, body: Readable): Promise<string>;
  /** Makes a call, and returns the answer with status 200 or one of `also`. The caller reads or destroys its body. */
  send(call: Call, also?: readonly number[]): Promise<ServerAnswer>;
  /** Makes a call, and returns its JSON as `parse` reads it. `parse` returns undefined for what ComfyUI would not answer. */
  json<T>(call: Call, parse: (answer: Json) => T | undefined): Promise<T>;
  /** Does the same as `json`, but returns null for 404. */
  jsonIfAny<T>(call: Call, parse: (answer: Json) => T | undefined): Promise<T | null>;
  /** Makes a call whose answer has no content. */
  done(call: Call): Promise<void>;
  /** Makes an error of an answer with an unexpected status. */
  refusal(call: Call, answer: Answer): FatalError | TransientError;
  /** Makes an error of an answer with status 200 that is not ComfyUI's. */
  foreign(call: Call, text: string): TransientError;
}

/** Opens nothing before the first request. */
export function openHttp(options: ConnectionOptions): Http {
  const connection = openConnection(options);
  const { url, headers } = connection;

  async function textOf(call: Call, body: Readable): Promise<string> {
    const read = await readText(body, { maxBytes: JSON_MAX_BYTES, patienceMs: 2 * options.timeoutMs }).catch((error: unknown) => {
      call.signal.throwIfAborted();
      throw new TransientError(`Cannot ${describeCall(url, call)}: the answer broke off: ${networkReason(error)}`, { cause: error });
    });
    if (!read.isCut) return read.text;
    const what = describeCall(url, call);
    throw new TransientError(`Cannot ${what}: the answer is longer than ${JSON_MAX_BYTES / 1024 / 1024} MiB, or comes without an end`, {
      answered: "refused",
    });
  }

  const refusal = (call: Call, { text, ...answer }: Answer): FatalError | TransientError =>
    refusalOf({ what: describeCall(url, call), ...answer, text: withoutSecrets(text, headers), isAboutOne: call.isAboutOne === true });
  const foreign = (call: Call, text: string): TransientError => foreignAnswer(describeCall(url, call), withoutSecrets(text, headers));

  async function parsed<T>(call: Call, body: Readable, parse: (answer: Json) => T | undefined): Promise<T> {
    const text = await textOf(call, body);
    const answer = tryParsePython(text);
    const result = answer === undefined ? undefined : parse(answer);
    if (result === undefined) throw foreign(call, text);
    return result;
  }

  async function send(call: Call, also: readonly number[] = []): Promise<ServerAnswer> {
    const answer = await connection.exchange(call);
    if (answer.statusCode === 200 || also.includes(answer.statusCode)) return answer;
    // If the words cannot be read, the status is enough.
    const { text } = await readText(answer.body, { maxBytes: REFUSAL_MAX_BYTES, patienceMs: options.timeoutMs }).catch(() => ({
      text: "",
    }));
    call.signal.throwIfAborted();
    throw refusal(call, { status: answer.statusCode, headers: answer.headers, text });
  }

  return {
    ...connection,
    textOf,
    send,
    refusal,
    foreign,
    json: async (call, parse) => parsed(call, (await send(call)).body, parse),
    async jsonIfAny(call, parse) {
      const { statusCode, body } = await send(call, [404]);
      if (statusCode !== 404) return parsed(call, body, parse);
      // The body is read so that the connection can be used again. The status alone is the answer.
      await readText(body, { maxBytes: REFUSAL_MAX_BYTES, patienceMs: options.timeoutMs }).catch(() => undefined);
      return null;
    },
    async done(call) {
      // Nothing to parse: ComfyUI's bodies are empty here. A page in their place is a proxy's, and nothing was done.
      const text = await textOf(call, (await send(call)).body);
      if (isHtml(text)) throw foreign(call, text);
    },
  };
}
