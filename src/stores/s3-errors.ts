import { FatalError, messageOf, TransientError } from "../errors.ts";

/** What to try, by S3 error code. Everything here needs a person. Source: Amazon S3 API Reference, "Error responses". */
const FATAL: Readonly<Record<string, string>> = {
  CredentialsProviderError: "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE), then run the same command again",
  InvalidAccessKeyId: "check AWS_ACCESS_KEY_ID and that it belongs to this endpoint",
  SignatureDoesNotMatch: "check AWS_SECRET_ACCESS_KEY, and store.region for this endpoint",
  AccessDenied: "allow these credentials to list, read, write and delete below `store.uri`",
  ExpiredToken: "renew the credentials, then run the same command again",
  RequestTimeTooSkewed: "set this machine's clock",
  NoSuchBucket: "create the bucket, or correct `store.uri`",
  InvalidBucketName: "correct the bucket's name in `store.uri` (3 to 63 lower-case letters, digits, '.', '-')",
  PermanentRedirect: "set store.region to the bucket's region",
  AuthorizationHeaderMalformed: "set store.region to the bucket's region",
  QuotaExceeded: "free space in the bucket or raise its quota, then run the same command again",
  XMinioStorageFull: "free space at the object store, then run the same command again",
};

/** Fatal status codes of stores that give no known code with them (HEAD answers have no body at all). */
const FATAL_BY_STATUS: Readonly<Record<number, string>> = {
  301: "PermanentRedirect",
  401: "AccessDenied",
  403: "AccessDenied",
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

/** Classes what the SDK throws by what the caller does with it; what is no answer of a store stays as it is. Names no secret. */
export function s3Error(error: unknown, doing: string): unknown {
  const code = codeOf(error);
  const status = statusOf(error);
  const message = `Cannot ${doing}: ${[status, code, messageOf(error)].filter((part) => part !== undefined).join(" ")}`;
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
