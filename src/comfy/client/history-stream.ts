import { StringDecoder } from "node:string_decoder";
import { TransientError } from "../../errors.ts";
import { DepthError, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { pythonConstantsFilter, pythonNumber } from "../../lib/python-json.ts";
import type { Call } from "../connection/connection.ts";
import { parseHistoryEntry, type HistoryEntry } from "./history-entry.ts";
import { networkReason } from "../../lib/http/failure.ts";
import { JSON_MAX_BYTES, type Http } from "../connection/http.ts";

interface Token {
  readonly name: string;
  readonly value?: string | boolean | null;
}

interface RawEntry {
  readonly key: string;
  readonly value: Json;
}

/** Shorter literals are numbers that a double holds and no constant of Python's. */
const SPECIAL_MIN_CHARS = 9;

/** Entries read of a whole history. ComfyUI keeps 10,001 (execution.py, MAXIMUM_HISTORY_SIZE): ten times as many have no end. */
const ENTRIES_MAX = 100_000;

/** GET /history, entry by entry: a full history is many MB, and memory holds one entry and one piece of the answer. */
export async function* streamHistory(http: Http, signal: AbortSignal): AsyncGenerator<HistoryEntry> {
  const call: Call = { method: "GET", path: "/history", signal };
  const { body } = await http.send(call);
  // Text since the last whole entry. Its first words are shown if it is no JSON.
  let sinceEntryBytes = 0;
  let count = 0;
  let start = "";
  try {
    const entries = await entryParser();
    const decoder = new StringDecoder("utf8");
    const filter = pythonConstantsFilter();
    for await (const chunk of body as AsyncIterable<Buffer>) {
      // undici's bodies give Buffers unless an encoding is set.
      const text = decoder.write(chunk);
      start ||= text;
      sinceEntryBytes += chunk.length;
      if (sinceEntryBytes > JSON_MAX_BYTES) {
        throw new TransientError(`Cannot GET ${http.url}/history: one entry is longer than ${JSON_MAX_BYTES / 1024 / 1024} MiB`, {
          answered: "refused",
        });
      }
      for await (const entry of entries.push(filter.push(text))) {
        if (++count > ENTRIES_MAX) {
          throw new TransientError(`Cannot GET ${http.url}/history: it has more than ${ENTRIES_MAX} entries`, { answered: "refused" });
        }
        yield parsed(entry);
        sinceEntryBytes = 0;
      }
    }
    for await (const entry of entries.end(filter.end() + decoder.end())) yield parsed(entry);
  } catch (error) {
    throw failure(error);
  } finally {
    body.destroy();
  }

  function parsed({ key, value }: RawEntry): HistoryEntry {
    if (!isJsonObject(value)) throw http.foreign(call, start);
    return parseHistoryEntry(key, value);
  }

  function failure(error: unknown): unknown {
    signal.throwIfAborted();
    if (!(error instanceof Error)) return error;
    const isNetwork = "code" in error;
    if (error instanceof DepthError) return new TransientError(`Cannot GET ${http.url}/history: ${error.message}`, { cause: error });
    // stream-json raises plain Errors; any other class without a code is a bug, or says already what is wrong.
    if (!isNetwork && error.constructor !== Error) return error;
    if (!isNetwork && !start.trimStart().startsWith("{")) return http.foreign(call, start);
    return new TransientError(`Cannot GET ${http.url}/history: the answer broke off: ${networkReason(error)}`, { cause: error });
  }
}

/** Cuts the text of one JSON object into its entries, with exact integers. */
async function entryParser() {
  const [{ gen, none }, { parser }, { streamObject }] = await Promise.all([
    import("stream-chain"),
    import("stream-json"),
    import("stream-json/streamers/stream-object.js"),
  ]);
  const stages = [parser({ streamValues: false }), keepNumbers, streamObject()] as const;
  // gen's types follow neither a bigint in a token nor `none`, the mark of the end.
  const parse = (gen as (...fns: readonly unknown[]) => (text: string | typeof none) => AsyncGenerator<RawEntry>)(...stages);
  return {
    push: (text: string) => parse(text),
    async *end(rest: string) {
      yield* parse(rest);
      yield* parse(none);
    },
  };
}

/**
 * stream-json turns numbers into doubles. What that would change goes on as the number itself, of 64 bits or one of Python's constants:
 * what
 * a string's token holds is kept as it is.
 */
function keepNumbers(token: Token): { readonly name: string; readonly value?: unknown } {
  const { name, value } = token;
  if (name !== "numberValue" || typeof value !== "string" || value.length < SPECIAL_MIN_CHARS) return token;
  return { name: "stringValue", value: pythonNumber(value) };
}

/**
 * The finished runs of prompts whose id at the server is not known, by the id that we sent. Reads the whole history, streamed, many MB
 * on a long-lived server: to be asked once for all, before they are given up as lost.
 */
export async function findByMark(
  client: { historyAll(signal: AbortSignal): AsyncIterable<HistoryEntry> },
  sentIds: Iterable<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, HistoryEntry>> {
  const wanted = new Set(sentIds);
  const found = new Map<string, HistoryEntry>();
  if (wanted.size === 0) return found;
  for await (const entry of client.historyAll(signal)) {
    const sentId = entry.mark?.promptId ?? entry.promptId;
    if (wanted.delete(sentId)) found.set(sentId, entry);
    if (wanted.size === 0) break;
  }
  return found;
}
