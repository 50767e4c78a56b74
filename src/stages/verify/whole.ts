import { hash } from "node:crypto";
import { RejectError } from "../../errors.ts";
import type { ImageFacts, VerifyOptions } from "../verify.ts";
import { SNIFF_BYTES, sniffFormat } from "./format.ts";
import { tooLong, truncated } from "./picture.ts";
import { walker } from "./walk.ts";

/**
 * Verifies a picture that is in memory, as the verifier does one that passes.
 * @throws {RejectError} for anything but one whole, sound picture that `accept` takes.
 */
export function verifyWhole(bytes: Buffer, { maxBytes, announcedBytes, accept }: VerifyOptions): ImageFacts {
  const sizeBytes = bytes.length;
  if (sizeBytes > maxBytes) throw new RejectError("too-large", `The picture has more than ${maxBytes} bytes`);
  if (announcedBytes !== null && sizeBytes > announcedBytes) throw tooLong(announcedBytes);
  if (sizeBytes < SNIFF_BYTES) throw truncated(sizeBytes);
  const format = sniffFormat(bytes.subarray(0, SNIFF_BYTES));
  const walk = walker(format.walk());
  walk.feed(bytes);
  const picture = walk.result();
  if (picture === undefined || (announcedBytes !== null && sizeBytes < announcedBytes)) throw truncated(sizeBytes);
  const facts = { ...picture, format, sizeBytes, sha256: hash("sha256", bytes) };
  accept(facts);
  return facts;
}
