import { FatalError, messageOf, TransientError } from "../../errors.ts";

/** Hints by S3 error code. Everything here needs a person. Source: Amazon S3 API Reference, "Error responses". */
const FATAL: Readonly<Record<string, string>> = {
  CredentialsProviderError: "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE), then run the same command again",
  InvalidAccessKeyId: "check AWS_ACCESS_KEY_ID and that it belongs to this endpoint",
  SignatureDoesNotMatch: "check AWS_SECRET_ACCESS_KEY, and store.region for this endpoint",
  ExpiredToken: "renew the credentials, then run the same command again",
  RequestTimeTooSkewed: "set this machine's clock",
  NoSuchBucket: "create the bucket, or correct `store.uri`",
  InvalidBucketName: "correct the bucket's name in `store.uri` (3 to 63 lower-case letters, digits, '.', '-')",
  PermanentRedirect: "set store.region to the bucket's region",
  AuthorizationHeaderMalformed: "set store.region to the bucket's region",
  NotImplemented: "take out what this store does not know: store.storage_class, store.sse or store.tags",
  QuotaExceeded: "free space in the bucket or raise its quota, then run the same command again",
  XMinioStorageFull: "free space at the object store, then run the same command again",
};

/** Fatal status codes of stores that give no known code with them (HEAD answers have no body at all). */
const FATAL_BY_STATUS: Readonly<Record<number, string>> = {
  301: "PermanentRedirect",
  501: "NotImplemented",
  507: "QuotaExceeded",
};

/** 400s that come of a broken transfer, not of a wrong request. */
const TRANSIENT_CODES = new Set([
  "RequestTimeout",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
  "ConditionalRequestConflict",
]);

const TLS_HINT = "check the endpoint's certificate; NODE_EXTRA_CA_CERTS names a file with your own authority";

/** The IAM actions that requests need, for hints. Source: Service Authorization Reference, "Actions defined by Amazon S3". */
export type S3Right =
  | "s3:GetObject"
  | "s3:PutObject"
  | "s3:DeleteObject"
  | "s3:ListBucket"
  | "s3:GetLifecycleConfiguration"
  | "s3:PutLifecycleConfiguration"
  | "s3:PutObjectTagging";

/** Redirects. A request is signed for one host, so that none is followed. */
const MOVED_STATUS: ReadonlySet<number | undefined> = new Set([302, 303, 307, 308]);
/** Names of an answer that is not S3's XML (the SDK's), and of one without a code (S3Answer's). */
const NAMELESS: ReadonlySet<string | undefined> = new Set([undefined, "Unknown", "UnknownError", "Error"]);

/**
 * Classes what the SDK throws by what the caller does with it; what is no answer of a store stays as it is. Names no secret. `right` is
 * what the credentials need for the request, which the hint names where they are refused.
 */
export function s3Error(error: unknown, doing: string, right: S3Right): unknown {
  const code = codeOf(error);
  const status = statusOf(error);
  if (MOVED_STATUS.has(status)) return movedError(error, doing);
  const message = `Cannot ${doing}: ${reasonOf(error)}`;
  if (code === "AccessDenied" || ((status === 401 || status === 403) && FATAL[code ?? ""] === undefined))
    return new FatalError(message, { hint: refusalHint(error, right) });
  const fatal = FATAL[code ?? ""] ?? FATAL[FATAL_BY_STATUS[status ?? 0] ?? ""];
  if (fatal !== undefined) return new FatalError(message, { hint: fatal });
  if (messageOf(error) === "Region is missing") return new FatalError(message, { hint: "set store.region, or export AWS_REGION" });
  if (isTls(code)) return new FatalError(message, { hint: TLS_HINT });
  if (status !== undefined && status >= 400 && status < 500 && ![408, 409, 429].includes(status) && !TRANSIENT_CODES.has(code ?? "")) {
    return new FatalError(message, { hint: "check the keys under `store`" });
  }
  // No status: the connection was refused, cut, timed out, or the host is unknown at the moment.
  if (status !== undefined || code !== undefined) return new TransientError(message);
  return error;
}

/** Status, code and words; of an answer in another language than S3's its status alone: the SDK says "UnknownError" then. */
function reasonOf(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined && NAMELESS.has(codeOf(error))) return `the answer is ${status}, without S3's XML that says why`;
  return [status, codeOf(error), messageOf(error)].filter((part) => part !== undefined).join(" ");
}

function refusalHint(error: unknown, right: S3Right): string {
  const missing = right === "s3:GetObject" ? ", and s3:ListBucket on the bucket: without it S3 refuses to read what is not there" : "";
  const allow = `allow these credentials ${right}${missing}`;
  if (!NAMELESS.has(codeOf(error))) return allow;
  return `check that store.endpoint is the store itself and no proxy or firewall stands between, and ${allow}`;
}

/** The store moved, or is asked in the wrong region. */
function movedError(error: unknown, doing: string): FatalError {
  const to = locationOf(error);
  const where = to === null ? "another address" : to;
  const words = `Cannot ${doing}: the store answers ${statusOf(error)} and sends its clients to ${where}`;
  const endpoint = to === null ? "set store.endpoint to that of the bucket" : `set store.endpoint to ${to}, if you trust it`;
  return new FatalError(words, { hint: `${endpoint}; on AWS set store.region to the bucket's region` });
}

/** The origin that a redirect names, without path and signature; null if it names none. */
function locationOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("$response" in error)) return null;
  // The SDK's HttpResponse, which it hangs on its errors unseen.
  const { headers = {} } = error.$response as { readonly headers?: Readonly<Record<string, string | undefined>> };
  const url = URL.parse(headers["location"] ?? "");
  return url === null || !/^https?:$/.test(url.protocol) ? null : url.origin;
}

/** `NoSuchBucket`, `ECONNRESET` and the like. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name === "Error" || error.name === "TypeError" || error.name === "RangeError" ? undefined : error.name;
}

/** The HTTP status of the answer, if there was one. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  // The SDK's own type of $metadata: every ServiceException has it.
  return (error.$metadata as { readonly httpStatusCode?: number }).httpStatusCode;
}

function isTls(code: string | undefined): boolean {
  return code !== undefined && /^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code);
}

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
