import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf, RejectError, TransientError } from "../../errors.ts";
import { createVerifier, type ImageFacts } from "../../images/verify.ts";
import type { FoundImage } from "./adopt-source.ts";
import { MIB } from "../../lib/units.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { exifTexts } from "../../images/exif-texts.ts";
import { isJsonObject } from "../../lib/exact-json.ts";

/** An image up to this size is kept in memory between reading and storing, bytes; a larger one is read twice. */
const HELD_MAX_BYTES = 4 * MIB;
/** Longest that one image may take, ms. */
const READ_TIMEOUT_MS = 600_000;

export interface ReadImage {
  readonly facts: ImageFacts;
  /** Null if it is too large to be held. */
  readonly bytes: Buffer | null;
}

export interface ReadOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Reads an image to its end, verified like all: what it is called in the store follows from its bytes.
 * @throws {RejectError} for what is no whole image, {TransientError} where its place breaks off.
 */
export async function readImage(image: Pick<FoundImage, "name" | "open">, { maxBytes, signal }: ReadOptions): Promise<ReadImage> {
  let held: Buffer[] | null = [];
  let heldBytes = 0;
  const facts = await pass(image, {
    maxBytes,
    signal,
    onChunk(chunk) {
      heldBytes += chunk.length;
      if (heldBytes > HELD_MAX_BYTES) held = null;
      held?.push(chunk);
    },
  });
  return { facts, bytes: held === null ? null : Buffer.concat(held) };
}

interface Pass extends ReadOptions {
  readonly onChunk: (chunk: Buffer) => void;
}

async function pass({ name, open }: Pick<FoundImage, "name" | "open">, { maxBytes, signal, onChunk }: Pass): Promise<ImageFacts> {
  const { body, sizeBytes } = await open(signal);
  // No AbortSignal.timeout: it would hold what it is given until its time, for every image of the last ten minutes.
  const timer = setTimeout(() => body.destroy(new TransientError(`Cannot read ${name}: it came too slowly`)), READ_TIMEOUT_MS);
  const verifier = createVerifier({ maxBytes, announcedBytes: sizeBytes, accept: () => undefined });
  try {
    await pipeline(
      body,
      verifier.stream,
      async (verified: AsyncIterable<Buffer>) => {
        for await (const chunk of verified) onChunk(chunk);
      },
      { signal },
    );
    return verifier.facts();
  } catch (error) {
    throw readFailure(error, { name, signal, body });
  } finally {
    clearTimeout(timer);
  }
}

interface Failing {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly body: Readable;
}

/** A socket that breaks is tried again; what the verifier says is final. */
export function readFailure(error: unknown, { name, signal, body }: Failing): unknown {
  body.destroy();
  signal.throwIfAborted();
  if (error instanceof RejectError || error instanceof TransientError) return error;
  // Errors of sockets and streams have a code. Only bodies of fetch break with a bare TypeError: "terminated".
  const isStream = error instanceof Error && ("code" in error || error.message === "terminated");
  return isStream ? new TransientError(`Cannot read ${name}: ${messageOf(error)}`, { cause: error }) : error;
}

/** Custom savers write `prompt:{…}` into one tag or another. Source: ComfyUI's own SaveAnimatedWEBP, comfy_extras/nodes_images.py. */
const PROMPT = /^\s*(?:prompt:)?\s*(\{.*)$/is;

/**
 * The graph that an image embeds: a PNG in its text chunk, JPEG and WebP where custom savers leave it in EXIF. Null where there is none.
 */
export async function embeddedPrompt({ facts, bytes }: ReadImage): Promise<string | null> {
  if (facts.embeddedPrompt !== null || facts.format.name === "png" || bytes === null) return facts.embeddedPrompt;
  return promptInExif(bytes);
}

/** The graph in the EXIF data of a JPEG or WebP, null if there is none. */
export async function promptInExif(image: Buffer): Promise<string | null> {
  const { default: sharp } = await import("sharp");
  // Its structure may be whole, which says nothing of its headers: what cannot be read tells no prompt.
  const exif = await sharp(image)
    .metadata()
    .then((found) => found.exif)
    .catch(() => undefined);
  if (exif === undefined) return null;
  for (const text of exifTexts(exif)) {
    const json = PROMPT.exec(text)?.[1];
    if (json !== undefined && isGraph(json)) return json;
  }
  return null;
}

function isGraph(json: string): boolean {
  const value = tryParsePython(json);
  if (!isJsonObject(value)) return false;
  const nodes = Object.values(value);
  return nodes.length > 0 && nodes.every((node) => isJsonObject(node) && typeof node["class_type"] === "string");
}
