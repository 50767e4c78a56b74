import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ConfigError, FatalError, RejectError } from "../../errors.ts";
import { type ByteLine, byteLines } from "../../lib/streams.ts";
import { errnoOf, fileProblem } from "../../lib/files/file-problem.ts";
import type { Json } from "../../lib/exact-json.ts";
import { type AdoptItem, type AdoptSource, type Claim, type OpenedImage, quotedName } from "./adopt-source.ts";
import { openHttp, openFile } from "./open-place.ts";
import { readLine, jsonlPlace, type JsonlPlace } from "./read-line.ts";
import { MIB } from "../../lib/units.ts";
import { openS3Reader, type S3Reader, type S3ReaderOptions } from "../../stores/s3/client.ts";

/** Longest line, bytes: what is longer is no list of images. */
const LINE_MAX_BYTES = 16 * MIB;

/** Every image that a JSONL file of any tool names, with the prompt that it says. `.gz` is unpacked on the way. */
export function jsonlSource(file: string, s3: S3ReaderOptions): AdoptSource {
  let reader: Promise<S3Reader> | null = null;

  async function open({ scheme, address, origin }: JsonlPlace, signal: AbortSignal): Promise<OpenedImage> {
    if (scheme === "file") return openFile(address);
    const shown = quotedName([origin.server, origin.subfolder, origin.filename].filter((part) => part !== "").join("/"));
    if (scheme === "http") return openHttp(address, { shown, signal });
    reader ??= openS3Reader(s3);
    const found = await (await reader).get(address, signal).catch((error: unknown) => {
      // A bucket that is closed to us closes none of the others.
      throw error instanceof FatalError ? new RejectError("unreadable", error.message, { cause: error }) : error;
    });
    if (found === null) throw new RejectError("lost-file", `The store has no ${quotedName(address)}`);
    return found;
  }

  async function itemOf({ number, bytes }: ByteLine): Promise<AdoptItem> {
    const name = `line ${number}`;
    try {
      const { facts, place } = readLine(bytes);
      const found = jsonlPlace(place, file);
      const { prompt, negative, model, id } = facts;
      const seed = facts.seed === null ? null : facts.seed.toString();
      const claim: Claim = { precedence: "0-jsonl", graph: null, line: facts, promptId: "", nodeId: "", batchIndex: 0 };
      return {
        kind: "image",
        identity: { at: found.address, prompt, negative },
        state: [model, seed, id, await fileState(found)],
        name,
        origin: found.origin,
        claim,
        isRemote: found.scheme !== "file",
        open: (signal) => open(found, signal),
      };
    } catch (error) {
      if (!(error instanceof RejectError)) throw error;
      return { kind: "refused", identity: { jsonl: file, line: number }, state: null, name, reason: error.reason, detail: error.message };
    }
  }

  async function* items(): AsyncGenerator<AdoptItem> {
    try {
      for await (const line of byteLines(bytesOf(file), { maxBytes: LINE_MAX_BYTES })) yield await itemOf(line);
    } catch (error) {
      if (!(error instanceof RangeError) && errnoOf(error) === undefined) throw error;
      throw new ConfigError(`Cannot adopt what ${file} names: ${error instanceof RangeError ? error.message : fileProblem(error)}`, {
        hint: 'a line is a JSON object such as {"prompt": "…", "file": "a.png"}',
        cause: error,
      });
    }
  }

  return {
    name: file,
    isOneServer: false,
    items,
    async [Symbol.asyncDispose]() {
      (await reader)?.close();
    },
  };
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  const raw: Readable = createReadStream(file);
  // What goes wrong with either reaches the reader of the last; pipeline closes both. Streams of bytes give Buffers.
  return (/\.gz$/i.test(file) ? pipeline(raw, createGunzip(), () => undefined) : raw) as AsyncIterable<Buffer>;
}

/** Length and time of a local file, by which a changed one is seen; other places are asked only once. */
async function fileState({ scheme, address }: JsonlPlace): Promise<Json> {
  if (scheme !== "file") return null;
  const found = await stat(address).catch(() => null); // Opening it says why.
  return found === null ? null : [found.size, Math.round(found.mtimeMs)];
}
