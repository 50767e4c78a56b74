import { hash } from "node:crypto";
import { Readable } from "node:stream";
import type { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { TransientError } from "../../errors.ts";
import {
  openDirectPuts,
  type Checked,
  type DirectPuts,
  type DirectPutsOptions,
  type HeldObject,
  targetOf,
  type S3Target,
  type SignedRequest,
} from "./signed-put.ts";
import { codeOf, statusOf, mayRefuseHeader, type S3Abilities } from "./errors.ts";
import { md5Of } from "./etag.ts";
import { putStream } from "./put.ts";

export interface HeldPuts {
  /** Writes the object, and makes sure that the store has these bytes. Rejects as the SDK does; a 412 too. */
  put(object: HeldObject, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface HeldPutOptions extends DirectPutsOptions {
  readonly sdk: { readonly PutObjectCommand: typeof PutObjectCommand };
  readonly abilities: Pick<S3Abilities, "checksum">;
}

/** The SDK knows what to make of them. */
const MOVED: ReadonlySet<number | undefined> = new Set([301, 302, 307, 308]);
/** The SDK reads the store's clock off such an answer, and signs by it from then on. */
const SKEW_CODES = new Set(["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture", "InvalidSignatureException"]);

/**
 * PUTs of small objects without the SDK's layers, which cost more than the bytes do: the SDK makes the first request, by its whole chain
 * of configuration, and says with it where to and signed for what; later ones are signed by the SDK's signer with its credentials and
 * sent by undici. The SHA-256, known already, is what is signed and what the store is asked to check. That it was signed proves nothing:
 * SeaweedFS 4.48 stores other bytes under it. Only a store that names the checksum in its answer has checked it; any other one has its
 * ETag compared.
 */
export function heldPuts(client: S3Client, { sdk, abilities, ...options }: HeldPutOptions): HeldPuts {
  let target: S3Target | null | undefined;
  /** The store has checked one: it is not refused for its own sake any more. */
  let isChecksumKnown = false;
  let opening: Promise<DirectPuts> | undefined;

  /**
   * Sends the bytes as a stream, which the SDK sends once. With plain bytes it would accept an answer that came before it had sent them.
   */
  async function firstThroughSdk({ input, bytes }: HeldObject, signal: AbortSignal): Promise<null> {
    await putStream(Readable.from([bytes], { objectMode: false }), bytes.length, (stream, unwanted) => {
      const command = new sdk.PutObjectCommand({ ...input, Body: stream, ContentLength: bytes.length });
      command.middlewareStack.add(
        (next) => (args) => {
          // The SDK's last step before the wire: an HttpRequest.
          target = targetOf(args.request as SignedRequest, input.Key ?? "");
          return next(args);
        },
        { step: "deserialize", priority: "low" },
      );
      return client.send(command, { abortSignal: AbortSignal.any([signal, unwanted]) });
    });
    return null;
  }

  /** Sends the bytes as they are: the SDK corrects its clock by the first answer and tries again. */
  async function againThroughSdk({ input, bytes }: HeldObject, signal: AbortSignal): Promise<Checked> {
    const command = new sdk.PutObjectCommand({ ...input, Body: bytes, ContentLength: bytes.length });
    const { ETag: etag, ChecksumSHA256: checked } = await client.send(command, { abortSignal: signal });
    return { etag, checked };
  }

  async function direct(object: HeldObject, signal: AbortSignal): Promise<Checked> {
    if (target === undefined || target === null) throw new Error("a direct PUT needs its target");
    const puts = await (opening ??= openDirectPuts(client, options));
    const to = target;
    const ask = (): Promise<Checked> => puts.put(object, { to, checksum: abilities.checksum ? base64Of(object.sha256) : null, signal });
    try {
      return await ask();
    } catch (error) {
      if (!abilities.checksum || isChecksumKnown || !mayRefuseHeader(error)) throw error;
      abilities.checksum = false;
      try {
        return await ask();
      } catch (again) {
        abilities.checksum = true; // It was something else.
        throw again;
      }
    }
  }

  /** Null: checked already. */
  async function send(object: HeldObject, signal: AbortSignal): Promise<Checked | null> {
    if (target === undefined || target === null) return firstThroughSdk(object, signal);
    try {
      return await direct(object, signal);
    } catch (error) {
      if (MOVED.has(statusOf(error)) || SKEW_CODES.has(codeOf(error) ?? "")) return againThroughSdk(object, signal);
      throw error;
    }
  }

  return {
    async put(object, signal) {
      const answer = await send(object, signal);
      if (answer === null) return;
      if (answer.checked === base64Of(object.sha256)) isChecksumKnown = true;
      else if (answer.checked !== undefined || !isSameByEtag(object.bytes, answer.etag)) {
        throw new TransientError(
          `Cannot trust the stored object: its ${answer.checked === undefined ? "MD5" : "SHA-256"} is not that of the bytes sent`,
        );
      }
    },
    async close() {
      await (await opening)?.close();
    },
  };
}

/** True also where the ETag is no MD5: nothing can be said then. */
function isSameByEtag(bytes: Uint8Array, etag: string | undefined): boolean {
  const stored = md5Of(etag);
  return stored === undefined || stored === hash("md5", bytes);
}

function base64Of(sha256: string): string {
  return Buffer.from(sha256, "hex").toString("base64");
}
