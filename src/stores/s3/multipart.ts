import { createHash, hash } from "node:crypto";
import type { Readable } from "node:stream";
import type {
  AbortMultipartUploadCommand,
  CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommandInput,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { TransientError } from "../../errors.ts";
import { statusOf } from "./errors.ts";
import { isMultipartEtag, md5Of, unquoted } from "./etag.ts";
import { MIB } from "../../lib/units.ts";
import { wrongLength } from "./put.ts";

/** A stream longer than this goes in parts: a broken connection costs a part then, not all of it. S3 itself wants parts from 5 GiB on. */
export const MULTIPART_BYTES = 64 * MIB;
const PART_BYTES = 16 * MIB;
/** Source: Amazon S3 User Guide, "Multipart upload limits". */
const PARTS_MAX = 10_000;
/** Each holds its part in memory: so many, and the one that is being read. */
const PARTS_AT_ONCE = 2;

export interface MultipartNeeds {
  readonly client: Pick<S3Client, "send">;
  readonly sdk: {
    readonly CreateMultipartUploadCommand: typeof CreateMultipartUploadCommand;
    readonly UploadPartCommand: typeof UploadPartCommand;
    readonly CompleteMultipartUploadCommand: typeof CompleteMultipartUploadCommand;
    readonly AbortMultipartUploadCommand: typeof AbortMultipartUploadCommand;
    readonly ListMultipartUploadsCommand: typeof ListMultipartUploadsCommand;
  };
  /** One request under a deadline for so many bytes, its errors classed. */
  readonly request: <Answer>(call: (abortSignal: AbortSignal) => Promise<Answer>, sizeBytes: number) => Promise<Answer>;
  /** The same for what has to be done although the caller gave up. */
  readonly tidy: (call: (abortSignal: AbortSignal) => Promise<unknown>) => Promise<void>;
}

/** Bytes of each part but the last: the same for the same length, so that an ETag can be computed again. */
export function partBytesOf(sizeBytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(sizeBytes / PARTS_MAX));
}

/**
 * Sends a long stream in parts, each read whole, sent from memory (the SDK tries it again) and compared with the MD5 that the store
 * answers for it. What fails is aborted, so that no parts lie in the bucket that nobody sees and somebody pays for; so is what an earlier
 * process left of the same object. @throws what the stream throws, and classed errors of the store.
 */
export async function putMultipart(
  body: Readable,
  { input, sizeBytes }: { readonly input: PutObjectCommandInput; readonly sizeBytes: number },
  needs: MultipartNeeds,
): Promise<void> {
  const { client, sdk, request } = needs;
  const { Bucket, Key } = input;
  try {
    await abortLeftovers({ Bucket, Key }, needs);
    const { ContentLength: _, ...head } = input;
    const { UploadId } = await request((abortSignal) => client.send(new sdk.CreateMultipartUploadCommand(head), { abortSignal }), 0);
    const upload = { Bucket, Key, UploadId };
    try {
      const sent = await sendParts(body, sizeBytes, (bytes, number) => sendPart({ ...upload, PartNumber: number }, bytes, needs));
      const complete = { ...upload, MultipartUpload: { Parts: sent.map(({ part }) => part) } };
      const { ETag } = await request(
        (abortSignal) => client.send(new sdk.CompleteMultipartUploadCommand(complete), { abortSignal }),
        sizeBytes,
      );
      const expected = etagOfParts(sent.map(({ md5 }) => md5));
      if (isMultipartEtag(ETag) && unquoted(ETag) !== expected)
        throw new TransientError(`Cannot trust the stored object: its ETag is ${unquoted(ETag)}, that of the parts sent is ${expected}`);
    } catch (error) {
      await needs.tidy((abortSignal) => client.send(new sdk.AbortMultipartUploadCommand(upload), { abortSignal }));
      throw error;
    }
  } finally {
    body.destroy();
  }
}

interface SentPart {
  readonly part: CompletedPart;
  /** Hex. */
  readonly md5: string;
}

async function sendPart(
  place: {
    readonly Bucket: string | undefined;
    readonly Key: string | undefined;
    readonly UploadId: string | undefined;
    PartNumber: number;
  },
  bytes: Buffer,
  { client, sdk, request }: MultipartNeeds,
): Promise<SentPart> {
  const md5 = hash("md5", bytes);
  const command = { ...place, Body: bytes, ContentLength: bytes.length };
  const answer = await request((abortSignal) => client.send(new sdk.UploadPartCommand(command), { abortSignal }), bytes.length);
  const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = answer;
  const stored = md5Of(ETag);
  if (stored !== undefined && stored !== md5)
    throw new TransientError(`Cannot trust part ${place.PartNumber}: its MD5 is not that of the bytes sent`);
  const checksums = { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
  return { part: { ETag, PartNumber: place.PartNumber, ...checksums }, md5 };
}

/** Cuts a stream of exactly `sizeBytes` into parts and sends a few at a time. */
async function sendParts(
  body: Readable,
  sizeBytes: number,
  send: (bytes: Buffer, number: number) => Promise<SentPart>,
): Promise<readonly SentPart[]> {
  const sent: SentPart[] = [];
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let number = 0;
  try {
    for await (const bytes of partsOf(body, sizeBytes)) {
      const place = number++;
      const settled: Promise<void> = send(bytes, place + 1)
        .then((part) => void (sent[place] = part))
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => running.delete(settled));
      running.add(settled);
      if (running.size >= PARTS_AT_ONCE) await Promise.race(running);
      if (failure !== undefined) break;
    }
  } finally {
    // The upload is completed or aborted next: no part may come after that.
    await Promise.all(running);
  }
  if (failure !== undefined) throw failure.error;
  return sent;
}

async function* partsOf(body: Readable, sizeBytes: number): AsyncGenerator<Buffer> {
  const partBytes = partBytesOf(sizeBytes);
  let part = Buffer.allocUnsafe(Math.min(partBytes, sizeBytes));
  let filled = 0;
  let seenBytes = 0;
  // A stream without an encoding yields Buffers.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    seenBytes += chunk.length;
    if (seenBytes > sizeBytes) throw wrongLength(seenBytes, sizeBytes);
    for (let taken = 0; taken < chunk.length;) {
      const count = chunk.copy(part, filled, taken);
      taken += count;
      filled += count;
      if (filled < part.length) continue;
      yield part;
      part = Buffer.allocUnsafe(Math.min(partBytes, sizeBytes - seenBytes + chunk.length - taken));
      filled = 0;
    }
  }
  if (seenBytes !== sizeBytes) throw wrongLength(seenBytes, sizeBytes);
}

/** Aborts what a killed process began under the same key. A store that cannot list uploads keeps them until its own rules end them. */
async function abortLeftovers(
  { Bucket, Key }: { readonly Bucket: string | undefined; readonly Key: string | undefined },
  { client, sdk, request, tidy }: MultipartNeeds,
): Promise<void> {
  const found = await request(
    (abortSignal) =>
      client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: Key }), { abortSignal }).catch((error: unknown) => {
        if ([400, 403, 404, 405, 501].includes(statusOf(error) ?? 0)) return { Uploads: [] };
        throw error;
      }),
    0,
  );
  for (const { Key: key, UploadId } of found.Uploads ?? []) {
    if (key !== Key || UploadId === undefined) continue;
    await tidy((abortSignal) => client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal }));
  }
}

/**
 * Computes the ETag of a body that putMultipart() or one PUT has sent, unless a customer's key encrypts it: the MD5 of it, or of the
 * MD5s of its parts and their number.
 */
export async function etagOf(body: Readable, sizeBytes: number): Promise<string> {
  if (sizeBytes <= MULTIPART_BYTES) {
    const md5 = createHash("md5");
    for await (const chunk of body as AsyncIterable<Buffer>) md5.update(chunk); // A stream without an encoding yields Buffers.
    return md5.digest("hex");
  }
  const md5s: string[] = [];
  for await (const part of partsOf(body, sizeBytes)) md5s.push(hash("md5", part));
  return etagOfParts(md5s);
}

function etagOfParts(md5s: readonly string[]): string {
  return `${hash("md5", Buffer.from(md5s.join(""), "hex"))}-${md5s.length}`;
}
