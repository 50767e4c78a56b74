import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { ConfigError, isAbort, TransientError } from "../../errors.ts";
import type { Readable } from "node:stream";
import { mapStreamErrors } from "../../lib/streams.ts";
import { codeOf, s3Error, statusOf } from "./errors.ts";

export interface S3ClientOptions {
  /** Address of an S3-compatible server; undefined for AWS. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
  /** Sockets, ≥ 1. */
  readonly concurrency: number;
  /** A socket without a byte for this long is given up, ms. */
  readonly stallTimeoutMs: number;
}

export const CONNECT_TIMEOUT_MS = 10_000;

/** The SDK warns on the console about every failed stream, in the middle of a progress line. Errors reach us anyway. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** A client whose settings work on AWS and on what calls itself S3-compatible. */
export async function openS3Client(options: S3ClientOptions): Promise<S3Client> {
  const [{ S3Client }, { NodeHttpHandler }] = await Promise.all([import("@aws-sdk/client-s3"), import("@smithy/node-http-handler")]);
  const agent = { keepAlive: true, maxSockets: options.concurrency };
  return new S3Client({
    ...(options.endpoint === undefined ? forAws(options) : forCompatible(options, options.endpoint)),
    // With the default, bodies from 2 MiB on open a connection each and ignore maxSockets (aws-sdk-js-v3#7450).
    expectContinueHeader: false,
    logger: SILENT,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: options.stallTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
      logger: SILENT,
    }),
  });
}

/** AWS checks a CRC32 that is computed on the way and sent as a trailer. Chunks below 8 KiB would be refused. */
function forAws({ region, pathStyle }: S3ClientOptions): S3ClientConfig {
  return {
    ...(region === undefined ? {} : { region }),
    ...(pathStyle === undefined ? {} : { forcePathStyle: pathStyle }),
    requestStreamBufferSize: 64 * 1024,
  };
}

/**
 * Trailers break R2, GCS, OVH, Alibaba OSS and others, and SeaweedFS keeps `aws-chunked` as the object's encoding
 * (aws-sdk-js-v3#6810): a plain Content-Length is the portable form.
 */
function forCompatible({ region, pathStyle }: S3ClientOptions, endpoint: string): S3ClientConfig {
  // The chain's last link asks an address that exists only inside AWS, and waits for it.
  process.env["AWS_EC2_METADATA_DISABLED"] ??= "true";
  return {
    endpoint,
    region: region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? "us-east-1",
    forcePathStyle: pathStyle ?? true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
}

/** The bucket and prefix that an `s3://bucket/prefix` names. The prefix is "" or ends in a slash. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** @throws {ConfigError} if the URI names no bucket. Does not repeat it: people put credentials into URIs. */
export function parseS3Uri(uri: string): S3Place {
  const [, bucket, path = ""] = /^s3:\/\/([A-Za-z0-9._-]+)(\/[^?#\s]*)?$/.exec(uri) ?? [];
  if (bucket === undefined) {
    throw new ConfigError("Cannot use store.uri: it is no s3://bucket/prefix", {
      hint: "write s3://bucket/prefix; the server goes into store.endpoint, credentials into the environment",
    });
  }
  const prefix = path
    .split("/")
    .filter((part) => part !== "")
    .join("/");
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}

/** A request without an answer for this long is given up, ms. */
const STALL_TIMEOUT_MS = 60_000;

/** Reads objects of any bucket and any name, which somebody else wrote. */
export interface S3Reader {
  /** Null if nothing is. @throws as every store does. */
  get(uri: string, signal: AbortSignal): Promise<{ readonly body: Readable; readonly sizeBytes: number | null } | null>;
  close(): void;
}

export type S3ReaderOptions = Omit<S3ClientOptions, "stallTimeoutMs">;

/** Credentials come from the AWS chain. */
export async function openS3Reader(options: S3ReaderOptions): Promise<S3Reader> {
  const sdk = await import("@aws-sdk/client-s3");
  const client = await openS3Client({ ...options, stallTimeoutMs: STALL_TIMEOUT_MS });
  return {
    async get(uri, signal) {
      const { bucket, key } = placeOf(uri);
      const deadline = AbortSignal.timeout(STALL_TIMEOUT_MS);
      try {
        const found = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }), {
          abortSignal: AbortSignal.any([deadline, signal]),
        });
        // In Node the SDK answers with an http.IncomingMessage, whatever its type allows.
        const body = mapStreamErrors(found.Body as Readable, (error) => s3Error(error, `read ${uri}`, "s3:GetObject"));
        return { body, sizeBytes: found.ContentLength ?? null };
      } catch (error) {
        signal.throwIfAborted();
        if (statusOf(error) === 404 && codeOf(error) !== "NoSuchBucket") return null;
        if (deadline.aborted && isAbort(error)) throw new TransientError(`Cannot read ${uri}: the store did not answer in time`);
        throw s3Error(error, `read ${uri}`, "s3:GetObject");
      }
    },
    close: () => client.destroy(),
  };
}

/** Keys are taken as they are written: nothing in them is escaped. */
function placeOf(uri: string): { readonly bucket: string; readonly key: string } {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(uri) ?? [];
  return { bucket, key };
}
