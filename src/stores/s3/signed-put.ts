import type { Readable } from "node:stream";
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";
import type { Dispatcher } from "undici";
import { TransientError } from "../../errors.ts";
import type { SignatureV4 } from "@smithy/signature-v4";

/** An object whose bytes are in memory. */
export interface HeldObject {
  /** The SDK's input, without a body. */
  readonly input: PutObjectCommandInput;
  readonly bytes: Uint8Array;
  /** Hex. */
  readonly sha256: string;
}

/** The store's answer about the object that it has. */
export interface Checked {
  readonly etag: string | undefined;
  /** The SHA-256 (base64) that it computed. */
  readonly checked: string | undefined;
}

export interface DirectPutsOptions {
  /** Sockets, ≥ 1. */
  readonly concurrency: number;
  readonly connectTimeoutMs: number;
  /** Longest wait for an answer, ms. */
  readonly stallTimeoutMs: number;
}

export interface DirectPutOptions {
  readonly to: S3Target;
  /** SHA-256 (base64) that the store is asked to check; null: it takes none. */
  readonly checksum: string | null;
  readonly signal: AbortSignal;
}

export interface DirectPuts {
  /** @throws {S3Answer} for any status but 200, TransientError for a 200 before all was sent, and what undici throws. */
  put(object: HeldObject, options: DirectPutOptions): Promise<Checked>;
  close(): Promise<void>;
}

const CHECKSUM = "x-amz-checksum-sha256";
/** Characters read of an error's body, in which S3 says what is wrong. */
const WORDS_MAX_CHARS = 64 * 1024;

/** Opens no connection before the first request. */
export async function openDirectPuts({ config }: S3Client, options: DirectPutsOptions): Promise<DirectPuts> {
  const { Agent, request } = await import("undici");
  const sign = await openSigner(config);
  const agent = new Agent({
    connections: options.concurrency,
    pipelining: 1,
    allowH2: false,
    headersTimeout: options.stallTimeoutMs,
    bodyTimeout: options.stallTimeoutMs,
    connect: { timeout: options.connectTimeoutMs },
  });
  return {
    async put({ input, bytes, sha256 }, { to, checksum, signal }) {
      const path = to.pathBefore + escapeKey(input.Key ?? "");
      const headers = await sign({ target: to, path, headers: headersOf(input, { sha256, checksum }) });
      headers["content-length"] = String(bytes.length);
      const body = oncePiece(bytes);
      const answer = await request(to.origin + path, { dispatcher: agent, method: "PUT", headers, body: body.pieces, signal });
      if (answer.statusCode !== 200) throw new S3Answer(answer.statusCode, await wordsOf(answer.body), headerOf(answer, "location"));
      await answer.body.dump();
      if (!body.isSent()) throw new TransientError("Cannot trust the stored object: the store answered before it had all of it");
      return { etag: headerOf(answer, "etag"), checked: headerOf(answer, CHECKSUM) };
    },
    close: () => agent.destroy(),
  };
}

/**
 * Bytes as a body that knows whether the system has taken all of them. undici closes the socket of an answer that came earlier: the next
 * request would stand behind bytes that nobody reads.
 */
function oncePiece(bytes: Uint8Array): { readonly pieces: Readable; readonly isSent: () => boolean } {
  let isSent = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield bytes; // undici asks for more once the socket has let go of this.
    isSent = true;
  }
  // undici takes any async iterable ("Dispatcher.dispatch", body); its types name streams only, which cost more.
  return { pieces: pieces() as AsyncIterable<Uint8Array> as Readable, isSent: () => isSent };
}

/** The headers of PutObject that stores here are configured with. Source: Amazon S3 API Reference, "PutObject". */
function headersOf(
  input: PutObjectCommandInput,
  { sha256, checksum }: { readonly sha256: string; readonly checksum: string | null },
): Record<string, string> {
  const headers: Record<string, string | null | undefined> = {
    "user-agent": "comfy-dpo",
    "content-type": input.ContentType,
    "if-none-match": input.IfNoneMatch,
    "x-amz-content-sha256": sha256,
    [CHECKSUM]: checksum,
    "x-amz-storage-class": input.StorageClass,
    "x-amz-server-side-encryption": input.ServerSideEncryption,
    "x-amz-tagging": input.Tagging,
    ...Object.fromEntries(Object.entries(input.Metadata ?? {}).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  };
  return Object.fromEntries(Object.entries(headers).filter((header): header is [string, string] => typeof header[1] === "string"));
}

async function wordsOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
  let words = "";
  try {
    for await (const chunk of body) {
      words += String(chunk);
      if (words.length > WORDS_MAX_CHARS) break;
    }
  } catch {
    // The status will do.
  }
  return words;
}

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" };

/** A store's refusal, in the shape that the SDK gives to one: `name` is S3's code. */
class S3Answer extends Error {
  override readonly name: string;
  readonly $metadata: { readonly httpStatusCode: number };
  readonly $response: { readonly headers: Readonly<Record<string, string | undefined>> };

  /** `body` is XML with Code and Message, `location` a redirect's target. Source: Amazon S3 API Reference, "REST error responses". */
  constructor(status: number, body: string, location?: string) {
    super(textOf(body, "Message") ?? "the store did not say why");
    this.name = textOf(body, "Code") ?? "Error";
    this.$metadata = { httpStatusCode: status };
    this.$response = { headers: { location } };
  }
}

function textOf(xml: string, element: string): string | undefined {
  const [, text] = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml) ?? [];
  return text?.replaceAll(/&\w+;/g, (entity) => ENTITIES[entity] ?? entity);
}

interface ToSign {
  readonly target: S3Target;
  /** Escaped. */
  readonly path: string;
  /** Headers to sign, with x-amz-content-sha256 and without host. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs PUTs as the SDK does, with its credentials (renewed as it renews them) and its idea of the store's clock. */
async function openSigner(
  config: Pick<S3Client["config"], "credentials" | "sha256" | "systemClockOffset">,
): Promise<(request: ToSign) => Promise<Record<string, string>>> {
  const smithy = await import("@smithy/signature-v4");
  const signers = new Map<string, SignatureV4>();

  function signerFor({ region, service }: S3Target): SignatureV4 {
    const name = `${region} ${service}`;
    const signer =
      signers.get(name) ??
      // Paths are escaped once in S3, and stay as they are.
      new smithy.SignatureV4({ service, region, credentials: config.credentials, sha256: config.sha256, uriEscapePath: false });
    signers.set(name, signer);
    return signer;
  }

  return async ({ target, path, headers }) => {
    const { protocol, hostname, port } = target;
    const host = port === undefined ? hostname : `${hostname}:${port}`;
    const unsigned = { method: "PUT", protocol, hostname, path, query: {}, headers: { ...headers, host } };
    const signed = await signerFor(target).sign(unsigned, { signingDate: new Date(Date.now() + config.systemClockOffset) });
    return signed.headers;
  };
}

/** The place to which the SDK sends an object's requests, and the region and service that it signs them for. */
export interface S3Target {
  /** `http://127.0.0.1:8333` */
  readonly origin: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  /** Path before the key, escaped: `/bucket/` in path style. */
  readonly pathBefore: string;
  readonly region: string;
  readonly service: string;
}

/** The parts of a request that the SDK signed, as far as they are read here. */
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
 * Reads the target off a request that the SDK made and signed for `key`: its chain of endpoint rules, profiles and regions has decided
 * then.
 * Returns null if it signs in another way (S3 Express, several regions, no credentials).
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

/** Escapes a key for a path as the SDK does: RFC 3986, slashes kept. */
function escapeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll("%2F", "/")
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
