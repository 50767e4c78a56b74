import { codeOf, statusOf } from "./errors.ts";

/**
 * Stores that call themselves S3-compatible differ in what they take. Each of these begins as true, and all writers and readers of a store
 * share them: what one request has shown, no other request tries again.
 */
export interface S3Abilities {
  /** If-None-Match on PUT. False once the store refused it, or took an object over another in spite of it: then HEAD is asked first. */
  conditional: boolean;
  /** x-amz-checksum-sha256 on PUT. False once the store refused it: then the MD5 in its ETag is compared alone. */
  checksum: boolean;
  /** HEAD. False once the store refused it and answered GET. */
  head: boolean;
}

export const allAbilities = (): S3Abilities => ({ conditional: true, checksum: true, head: true });

/** Statuses that say nothing of a header's being unknown. */
const ABOUT_OTHER_THINGS = new Set([401, 403, 404, 408, 409, 411, 412, 413, 429]);
/** The body came in another form than it was sent: the store knows the checksum. */
const DIGEST_CODES = new Set(["BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody"]);

/** True for an answer that may mean that a header is unknown. Such stores say 501 (Backblaze B2) or a 400 of some kind. */
export function mayRefuseHeader(error: unknown): boolean {
  const status = statusOf(error);
  if (status === undefined || ABOUT_OTHER_THINGS.has(status) || DIGEST_CODES.has(codeOf(error) ?? "")) return false;
  return status === 501 || (status >= 400 && status < 500);
}

/** True for an answer that says that what was asked for does not exist at this store. */
export function isNotImplemented(error: unknown): boolean {
  return statusOf(error) === 501 || codeOf(error) === "NotImplemented";
}
