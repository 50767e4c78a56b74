import type { Readable } from "node:stream";
import { isAbort, TransientError } from "../../errors.ts";
import { mapStreamErrors } from "../../lib/streams.ts";
import { openS3Client, type S3ClientOptions } from "./client.ts";
import { codeOf, s3Error, statusOf } from "./errors.ts";

/** Without an answer for so long a request is given up, ms. */
const STALL_TIMEOUT_MS = 60_000;

/** Reads objects of any bucket and any name, which somebody else wrote. */
export interface S3Reader {
  /** Null where nothing is. @throws as every store does. */
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
