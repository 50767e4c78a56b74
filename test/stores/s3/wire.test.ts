import { hash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { s3Error } from "../../../src/stores/s3/errors.ts";
import { s3Store, type S3Options } from "../../../src/stores/s3/s3.ts";
import { chunked } from "../../contracts/object-store.ts";
import { SEAWEED_CREDENTIALS } from "../../helpers/seaweed.ts";

// Headers and bodies on the wire: S3-compatible stores differ in what they take, and some keep what they do not understand.

const PNG = { contentType: "image/png" };
const SIZE = 300_000;

interface Seen {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let seen: Seen[] = [];
let endpoint = "";
let closeServer: () => Promise<void>;
let folder = "";

beforeEach(async () => {
  seen = [];
  folder = mkdtempSync(join(tmpdir(), "comfy-dpo-aws-"));
  for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({ url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // TCP.
  closeServer = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await closeServer();
  rmSync(folder, { recursive: true });
});

async function headersOf(options: Partial<S3Options>, sha256?: string): Promise<IncomingHttpHeaders> {
  const store = await s3Store({ uri: "s3://bucket/p", concurrency: 1, ...options });
  await store.putNew("a", chunked(randomBytes(SIZE)), SIZE, { ...PNG, ...(sha256 === undefined ? {} : { sha256 }) });
  await store.close();
  expect(seen).toHaveLength(1);
  return seen[0]!.headers;
}

/** AWS itself, as far as the SDK knows: no endpoint is named but in a profile. */
function asAws(): Partial<S3Options> {
  writeFileSync(join(folder, "config"), `[default]\nendpoint_url = ${endpoint}\n`);
  vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "none"));
  return { region: "eu-central-1", pathStyle: true };
}

const TRAILER_HEADERS = ["x-amz-trailer", "content-encoding", "transfer-encoding", "x-amz-decoded-content-length"];

describe("checksums", () => {
  test("AWS gets one as a trailer, computed on the way", async () => {
    const headers = await headersOf(asAws());
    expect(headers).toMatchObject({
      "x-amz-trailer": "x-amz-checksum-crc32",
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(SIZE),
    });
    expect(headers).not.toHaveProperty("expect");
    // AWS refuses chunks below 8 KiB but the last; each stands behind its length in hex.
    const first = Number.parseInt(seen[0]!.body.subarray(0, 10).toString("latin1"), 16);
    expect(first).toBeGreaterThanOrEqual(8 * 1024);
    expect(seen[0]!.body.toString("latin1")).toMatch(/\r\n0\r\nx-amz-checksum-crc32:[A-Za-z0-9+/=]{8}\r\n/);
  });

  test("AWS gets the SHA-256 of bytes in memory as a plain header, as they are", async () => {
    const store = await s3Store({ uri: "s3://bucket/p", concurrency: 1, ...asAws() });
    const bytes = randomBytes(SIZE);
    const sha256 = hash("sha256", bytes);
    for (const key of ["a", "b"]) await store.putNew(key, bytes, SIZE, { ...PNG, sha256 });
    await store.close();
    const { headers, body } = seen[1]!;
    expect(body.equals(bytes)).toBe(true);
    expect(headers).toMatchObject({
      "content-length": String(SIZE),
      "x-amz-content-sha256": sha256,
      "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64"),
      authorization: expect.stringContaining("/eu-central-1/s3/aws4_request"),
    });
    for (const header of TRAILER_HEADERS) expect(headers).not.toHaveProperty(header);
  });

  test.each(["in the configuration", "in AWS_ENDPOINT_URL", "in AWS_ENDPOINT_URL_S3"])(
    "an endpoint %s gets a plain length",
    async (where) => {
      const name = /AWS_\w+/.exec(where)?.[0];
      if (name !== undefined) vi.stubEnv(name, endpoint);
      const headers = await headersOf(name === undefined ? { endpoint } : {});
      expect(headers["content-length"]).toBe(String(SIZE));
      for (const header of TRAILER_HEADERS) expect(headers).not.toHaveProperty(header);
      expect(Object.keys(headers).filter((header) => header.startsWith("x-amz-checksum"))).toEqual([]);
    },
  );
});

describe.each(["AWS", "a compatible store"])("an object that is sent to %s", (kind) => {
  const place = (): Partial<S3Options> => (kind === "AWS" ? asAws() : { endpoint });

  test("storage class, encryption, tags and type are sent", async () => {
    const options = { ...place(), storageClass: "STANDARD_IA", sse: "aws:kms", tags: { project: "a b&c", owner: "ä" } };
    expect(await headersOf(options)).toMatchObject({
      "content-type": "image/png",
      "if-none-match": "*",
      "x-amz-storage-class": "STANDARD_IA",
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-tagging": "project=a+b%26c&owner=%C3%A4",
    });
  });

  test("nothing is sent that nobody asked for", async () => {
    const headers = await headersOf(place());
    for (const name of ["x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-tagging", "x-amz-meta-sha256"])
      expect(headers).not.toHaveProperty(name);
  });

  test("a SHA-256 that is known before the body stands in the object's metadata", async () => {
    expect(await headersOf(place(), "ab".repeat(32))).toMatchObject({ "x-amz-meta-sha256": "ab".repeat(32) });
  });
});

describe("s3Error()", () => {
  const raised = (code: string, name = "Error", status?: number) =>
    Object.assign(new Error(`${code} happened`), {
      code,
      name,
      ...(status === undefined ? {} : { $metadata: { httpStatusCode: status } }),
    });

  test.each(["EPIPE", "ECONNRESET", "ECONNREFUSED", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"])("%s is tried again", (code) => {
    expect(s3Error(raised(code, "TimeoutError"), "write x", "s3:PutObject")).toBeInstanceOf(TransientError);
  });

  test.each([
    [409, "ConditionalRequestConflict"],
    [503, "SlowDown"],
  ])("%i %s is tried again", (status, code) => {
    expect(s3Error(raised(code, code, status), "write x", "s3:PutObject")).toBeInstanceOf(TransientError);
  });

  test.each([
    [403, "AccessDenied", "allow"],
    [404, "NoSuchBucket", "create the bucket"],
    [507, "InsufficientStorage", "free space"],
  ])("%i %s stops the run and says what to do", (status, code, hint) => {
    const error = s3Error(raised(code, code, status), "write x", "s3:PutObject");
    expect(error).toBeInstanceOf(FatalError);
    expect(error).toMatchObject({ hint: expect.stringContaining(hint) });
  });
});
