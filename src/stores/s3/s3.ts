import { hash } from "node:crypto";
import type { Readable } from "node:stream";
import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import { isAbort, TransientError } from "../../errors.ts";
import { deadlineAfter } from "../../lib/http/deadline.ts";
import { mapStreamErrors } from "../../lib/streams.ts";
import { type ObjectStore, type PutOptions, checkKey } from "../object-store.ts";
import { CONNECT_TIMEOUT_MS, openS3Client, type S3ClientOptions, parseS3Uri } from "./client.ts";
import { s3Expiry } from "./expiry.ts";
import { codeOf, s3Error, statusOf, type S3Right, allAbilities, isNotImplemented, mayRefuseHeader } from "./errors.ts";
import { heldPuts } from "./held-put.ts";
import { isContentEtag, unquoted } from "./etag.ts";
import { etagOf, MULTIPART_BYTES, putMultipart } from "./multipart.ts";
import { putStream, wrongLength } from "./put.ts";

export interface S3Options extends Omit<S3ClientOptions, "stallTimeoutMs"> {
  /** `s3://bucket/prefix`. */
  readonly uri: string;
  readonly storageClass?: string | undefined;
  /** `AES256`, `aws:kms`, … */
  readonly sse?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** A request without an answer for this long is given up, ms. Bodies have the time for their size at SLOWEST_BYTES_PER_S on top. */
  readonly stallTimeoutMs?: number | undefined;
}

const STALL_TIMEOUT_MS = 60_000;
/** A store slower than this counts as one that hangs. */
const SLOWEST_BYTES_PER_S = 64 * 1024;

interface Held {
  readonly bytes: Uint8Array;
  /** Hex. */
  readonly sha256: string;
}

interface RequestOptions {
  /** The call in messages: `write s3://…`. */
  readonly doing: string;
  /** The right that the credentials need for it. */
  readonly right: S3Right;
  readonly sizeBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A prefix of a bucket on AWS or any S3-compatible server. Credentials come from the AWS chain (environment, profile, role).
 * @throws {ConfigError} if the URI names no bucket.
 */
export async function s3Store(settings: S3Options): Promise<ObjectStore> {
  const { bucket, prefix } = parseS3Uri(settings.uri);
  const stallTimeoutMs = settings.stallTimeoutMs ?? STALL_TIMEOUT_MS;
  const sdk = await import("@aws-sdk/client-s3");
  // The SDK would follow these, too, and talk to them as to AWS.
  const endpoint = settings.endpoint ?? process.env["AWS_ENDPOINT_URL_S3"] ?? process.env["AWS_ENDPOINT_URL"];
  const client = await openS3Client({ ...settings, endpoint, stallTimeoutMs });
  const abilities = allAbilities();
  const held = heldPuts(client, {
    sdk,
    abilities,
    concurrency: settings.concurrency,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    stallTimeoutMs,
  });
  const uriOf = (key: string): string => `s3://${bucket}/${prefix}${checkKey(key)}`;
  const at = (key: string) => ({ Bucket: bucket, Key: prefix + checkKey(key) });

  const limitMsOf = (sizeBytes: number): number => stallTimeoutMs + Math.ceil((sizeBytes / SLOWEST_BYTES_PER_S) * 1_000);
  const tooLate = (doing: string): TransientError => new TransientError(`Cannot ${doing}: the store did not answer in time`);

  /** One request under a deadline, its errors classed. */
  async function request<Answer>(
    call: (abortSignal: AbortSignal) => Promise<Answer>,
    { doing, right, sizeBytes = 0, signal }: RequestOptions,
  ) {
    const deadline = AbortSignal.timeout(limitMsOf(sizeBytes));
    try {
      signal?.throwIfAborted();
      return await call(signal === undefined ? deadline : AbortSignal.any([deadline, signal]));
    } catch (error) {
      signal?.throwIfAborted();
      if (deadline.aborted && isAbort(error)) throw tooLate(doing);
      throw s3Error(error, doing, right);
    }
  }

  /** Reads the facts of an object; null if nothing is. */
  async function look(key: string, signal: AbortSignal | undefined) {
    const about = { doing: `look at ${uriOf(key)}`, right: "s3:GetObject", signal } as const;
    const withGet = async (abortSignal: AbortSignal) => {
      const found = await client.send(new sdk.GetObjectCommand(at(key)), { abortSignal });
      (found.Body as Readable).destroy(); // In Node the SDK answers with an http.IncomingMessage, whatever its type allows.
      return found;
    };
    return request(async (abortSignal) => {
      if (!abilities.head) return withGet(abortSignal).catch(nullIfMissing);
      try {
        return await client.send(new sdk.HeadObjectCommand(at(key)), { abortSignal });
      } catch (error) {
        if (!HEAD_REFUSALS.has(statusOf(error))) return nullIfMissing(error);
        // No answer to HEAD says why: GET does, or works.
        const found = await withGet(abortSignal).catch(nullIfMissing);
        abilities.head = false;
        return found;
      }
    }, about);
  }

  /** True if the store says that the key is taken. */
  const isTaken = (error: unknown, { IfNoneMatch }: PutObjectCommandInput): boolean => IfNoneMatch !== undefined && statusOf(error) === 412;

  async function putOnce(input: PutObjectCommandInput, about: RequestOptions): Promise<{ ETag?: string | undefined } | "exists"> {
    return request(
      (abortSignal) =>
        client.send(new sdk.PutObjectCommand(input), { abortSignal }).catch((error: unknown) => {
          if (isTaken(error, input)) return "exists" as const;
          if (input.IfNoneMatch === undefined || !isNotImplemented(error)) throw error;
          abilities.conditional = false;
          throw new TransientError(`Cannot ${about.doing} without looking first: the store has no If-None-Match`);
        }),
      about,
    );
  }

  async function putHeld(
    input: PutObjectCommandInput,
    { bytes, sha256 }: Held,
    { doing, right, sizeBytes = bytes.length, signal }: RequestOptions,
  ): Promise<"created" | "exists" | "refused"> {
    signal?.throwIfAborted();
    if (bytes.length !== sizeBytes) throw wrongLength(bytes.length, sizeBytes);
    using deadline = deadlineAfter(limitMsOf(sizeBytes), signal);
    try {
      await held.put({ input, bytes, sha256 }, deadline.signal);
      return "created" as const;
    } catch (error) {
      signal?.throwIfAborted();
      if (deadline.isOver()) throw tooLate(doing);
      if (isTaken(error, input)) return "exists" as const;
      if (input.IfNoneMatch !== undefined && mayRefuseHeader(error)) return "refused" as const;
      throw error instanceof TransientError ? error : s3Error(error, doing, right);
    }
  }

  function putInParts(body: Readable, object: Parameters<typeof putMultipart>[1], { doing, right, signal }: RequestOptions): Promise<void> {
    return putMultipart(body, object, {
      client,
      sdk,
      request: (call, sizeBytes) => request(call, { doing, right, sizeBytes, signal }),
      // The failure is reported already, and the next upload of the key tries again.
      tidy: (call) =>
        request(call, { doing: `${doing}: abort its upload`, right }).then(
          () => undefined,
          () => undefined,
        ),
    });
  }

  function inputFor(key: string, sizeBytes: number, { contentType, sha256 }: PutOptions): PutObjectCommandInput {
    const { storageClass, sse, tags = {} } = settings;
    return {
      ...at(key),
      ContentLength: sizeBytes,
      ContentType: contentType,
      ...(sha256 === undefined ? {} : { Metadata: { sha256 } }),
      // Both are open lists: S3-compatible stores have values of their own.
      ...(storageClass === undefined ? {} : { StorageClass: storageClass as PutObjectCommandInput["StorageClass"] }),
      ...(sse === undefined ? {} : { ServerSideEncryption: sse as PutObjectCommandInput["ServerSideEncryption"] }),
      ...(Object.keys(tags).length === 0 ? {} : { Tagging: new URLSearchParams(tags).toString() }),
    };
  }

  function sendBody(
    body: Uint8Array | Readable,
    input: PutObjectCommandInput,
    about: RequestOptions & { readonly sizeBytes: number },
  ): Promise<"created" | "exists" | "refused"> {
    const { signal } = about;
    if (body instanceof Uint8Array)
      return putHeld(input, { bytes: body, sha256: input.Metadata?.["sha256"] ?? hash("sha256", body) }, about);
    return putStream(body, about.sizeBytes, (stream, unwanted) =>
      putOnce({ ...input, Body: stream }, { ...about, signal: signal === undefined ? unwanted : AbortSignal.any([signal, unwanted]) }),
    );
  }

  /** Writes what is not there yet, by the store's own promise or, where it gives none, by looking first. */
  async function putNew(key: string, body: Uint8Array | Readable, sizeBytes: number, options: PutOptions) {
    const { signal } = options;
    const input = inputFor(key, sizeBytes, options);
    const about = { doing: `write ${uriOf(key)}`, right: "s3:PutObject", sizeBytes, signal } as const;
    if (abilities.conditional) {
      const outcome = await sendBody(body, { ...input, IfNoneMatch: "*" }, about);
      if (outcome !== "refused") return outcome;
    }
    if ((await look(key, signal)) !== null) {
      if (!(body instanceof Uint8Array)) body.destroy();
      return "exists" as const;
    }
    await sendBody(body, input, about);
    abilities.conditional = false; // If the header was refused, the request is accepted without it.
    return "created" as const;
  }

  return {
    uri: `s3://${bucket}/${prefix}`.replace(/\/$/, ""),
    uriOf,
    putNew,

    async head(key, signal) {
      const found = await look(key, signal);
      return found === null ? null : { sizeBytes: found.ContentLength ?? 0, uri: uriOf(key) };
    },

    async provePutNew(key, bytes, options) {
      if (abilities.conditional && (await putNew(key, bytes, bytes.length, options)) === "created") abilities.conditional = false;
    },

    async put(key, body, sizeBytes, options) {
      const input = inputFor(key, sizeBytes, options);
      const about = { doing: `write ${uriOf(key)}`, right: "s3:PutObject", sizeBytes, signal: options.signal } as const;
      if (body instanceof Uint8Array || sizeBytes <= MULTIPART_BYTES) await sendBody(body, input, about);
      else await putInParts(body, { input, sizeBytes }, about);
    },

    async holds(key, sizeBytes, read, signal) {
      const found = await look(key, signal);
      if (found?.ContentLength !== sizeBytes) return false;
      // The ETag is no MD5 with a customer's key, and at some stores.
      if (!isContentEtag(found.ETag) || found.SSEKMSKeyId !== undefined || found.SSECustomerAlgorithm !== undefined) return null;
      const ours = await etagOf(read(), sizeBytes);
      // Another number of parts: the same bytes may have come in other parts.
      return unquoted(found.ETag).slice(32) === ours.slice(32) ? unquoted(found.ETag) === ours : null;
    },

    async get(key, signal) {
      const doing = `read ${uriOf(key)}`;
      const found = await request((abortSignal) => client.send(new sdk.GetObjectCommand(at(key)), { abortSignal }).catch(nullIfMissing), {
        doing,
        right: "s3:GetObject",
        signal,
      });
      // In Node the SDK answers with an http.IncomingMessage, whatever its type allows.
      return found === null ? null : mapStreamErrors(found.Body as Readable, (error) => s3Error(error, doing, "s3:GetObject"));
    },

    async delete(key, signal) {
      const doing = `delete ${uriOf(key)}`;
      await request((abortSignal) => client.send(new sdk.DeleteObjectCommand(at(key)), { abortSignal }).catch(nullIfMissing), {
        doing,
        right: "s3:DeleteObject",
        signal,
      });
    },

    async *list(below, signal) {
      const doing = `list s3://${bucket}/${prefix}${below}`;
      let after: string | undefined;
      do {
        const input = { Bucket: bucket, Prefix: prefix + below, ContinuationToken: after };
        const page = await request((abortSignal) => client.send(new sdk.ListObjectsV2Command(input), { abortSignal }), {
          doing,
          right: "s3:ListBucket",
          signal,
        });
        for (const { Key = "", Size = 0, LastModified } of page.Contents ?? [])
          yield { key: Key.slice(prefix.length), sizeBytes: Size, modifiedAtMs: LastModified?.getTime() ?? Date.now() };
        after = page.NextContinuationToken;
      } while (after !== undefined);
    },

    expiry: s3Expiry({ client, sdk, bucket, prefix, request }),
    async close() {
      client.destroy();
      await held.close();
    },
  };
}

/** Stores and proxies that know no HEAD, or allow none, answer one of these. */
const HEAD_REFUSALS: ReadonlySet<number | undefined> = new Set([400, 403, 405, 501]);

/** A missing object is an answer; a missing bucket is not. */
function nullIfMissing(error: unknown): null {
  if (statusOf(error) === 404 && codeOf(error) !== "NoSuchBucket") return null;
  throw error;
}
