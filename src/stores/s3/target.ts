/** Where the SDK sends an object's requests, and what it signs them for. */
export interface S3Target {
  /** `http://127.0.0.1:8333` */
  readonly origin: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  /** Before the key, escaped: `/bucket/` in path style. */
  readonly pathBefore: string;
  readonly region: string;
  readonly service: string;
}

/** Of a signed request of the SDK. */
export interface SignedRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Source: Amazon S3, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)". */
const CREDENTIAL_SCOPE = /^AWS4-HMAC-SHA256 Credential=[^,]+\/\d{8}\/([^/,]+)\/([^/,]+)\/aws4_request\b/;

/**
 * Reads the target off a request that the SDK made and signed for `key`: its chain of endpoint rules, profiles and regions has decided then.
 * Null where its way of signing is another (S3 Express, several regions, no credentials).
 */
export function targetOf(request: SignedRequest, key: string): S3Target | null {
  const headers = new Map(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const [, region, service] = CREDENTIAL_SCOPE.exec(headers.get("authorization") ?? "") ?? [];
  const escaped = escapeKey(key);
  if (region === undefined || service === undefined || headers.has("x-amz-s3session-token") || !request.path.endsWith(`/${escaped}`))
    return null;
  const { protocol, hostname, port, path } = request;
  const origin = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`;
  return { origin, protocol, hostname, port, pathBefore: path.slice(0, path.length - escaped.length), region, service };
}

/** As the SDK writes a key into a path: RFC 3986, slashes kept. */
export function escapeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll("%2F", "/")
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
