import { createHash } from "node:crypto";
import { RejectError } from "../../errors.ts";
import { SNIFF_BYTES, sniffFormat, type ImageFormat } from "./format.ts";
import { tooLong, truncated, type Image } from "./image.ts";
import { walker, type Walker } from "./walk.ts";

/** What is known of an image of which every byte was seen. */
export interface ImageFacts extends Image {
  readonly format: ImageFormat;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface VerifyOptions {
  readonly maxBytes: number;
  /** As the server announced; null where it did not. */
  readonly announcedBytes: number | null;
  /** As its file's name says; null where that does not matter. @default null */
  readonly namedFormat?: ImageFormat["name"] | null;
  /** Last word before the final bytes are let through: throws RejectError to refuse the image. */
  readonly accept: (facts: ImageFacts) => void;
}

/** Looks at an image piece by piece. Both methods throw RejectError for anything but one whole, sound image that `accept` takes. */
export interface ImageCheck {
  feed(chunk: Buffer): void;
  /** Null until the first bytes were seen. */
  format(): ImageFormat | null;
  /** After the last piece. */
  conclude(): ImageFacts;
  /** Says what was seen: the same bytes, in whatever pieces, that are refused for the same reason give the same. */
  fingerprint(): string;
}

/**
 * Length, format, structure, checksums and SHA-256, each piece as it comes: its bytes are in the processor's cache then, and the sums cost
 * less than over the whole image afterwards.
 */
export function imageCheck({ maxBytes, announcedBytes, namedFormat = null, accept }: VerifyOptions): ImageCheck {
  const hash = createHash("sha256");
  let head: Buffer = Buffer.alloc(0);
  let walk: { readonly format: ImageFormat; readonly walker: Walker<Image> } | undefined;
  let sizeBytes = 0;
  let digest: string | undefined;
  const sha256 = (): string => (digest ??= hash.digest("hex"));

  /** Collects what tells the format, then feeds its walk. */
  function look(chunk: Buffer): void {
    if (walk !== undefined) return walk.walker.feed(chunk);
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < SNIFF_BYTES) return;
    const format = sniffFormat(head.subarray(0, SNIFF_BYTES), namedFormat);
    walk = { format, walker: walker(format.walk()) };
    walk.walker.feed(head);
  }

  return {
    feed(chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw new RejectError("too-large", `The image has more than ${maxBytes} bytes`);
      if (announcedBytes !== null && sizeBytes > announcedBytes) throw tooLong(announcedBytes);
      hash.update(chunk);
      look(chunk);
    },
    format: () => walk?.format ?? null,
    conclude() {
      const image = walk?.walker.result();
      if (walk === undefined || image === undefined || (announcedBytes !== null && sizeBytes < announcedBytes)) {
        throw truncated(sizeBytes);
      }
      const facts = { ...image, format: walk.format, sizeBytes, sha256: sha256() };
      accept(facts);
      return facts;
    },
    // What is refused by its head may come in pieces of any length, its length by announcement alone.
    fingerprint: () => (walk === undefined ? `${announcedBytes} ${head.toString("hex", 0, SNIFF_BYTES)}` : `${sizeBytes} ${sha256()}`),
  };
}
