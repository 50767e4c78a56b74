import { hash, randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TransientError } from "../../../src/errors.ts";
import { s3Store, type S3Options } from "../../../src/stores/s3/s3.ts";
import { SEAWEED_CREDENTIALS } from "../../helpers/seaweed.ts";

// PUTs of bytes in memory: the first one through the SDK shows the way, the others go it alone.

const PNG = { contentType: "image/png" };
const CHECKSUM = "x-amz-checksum-sha256";

interface Seen {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let seen: Seen[] = [];
const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  seen = [];
  for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  vi.unstubAllEnvs();
});

type Answer = (asked: Seen, response: ServerResponse, index: number) => void;

async function storeOn(answer: Answer, options: Partial<S3Options> = {}) {
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const asked = { url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) };
      answer(asked, response, seen.push(asked) - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // TCP.
  const store = await s3Store({ uri: "s3://bucket/p", endpoint, concurrency: 1, ...options });
  closers.push(async () => {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return store;
}

const md5Of = (body: Buffer): string => `"${hash("md5", body)}"`;
const refuse = (response: ServerResponse, status: number, code: string): void =>
  void response
    .writeHead(status, { "content-type": "application/xml" })
    .end(`<Error><Code>${code}</Code><Message>a &lt; b</Message></Error>`);

describe("a PUT of bytes without the SDK", () => {
  test("says what the SDK says of the same object, and more exactly what its bytes are", async () => {
    const store = await storeOn((_asked, response) => response.writeHead(200).end(), {
      uri: "s3://bucket/a+ü(1)100%/p",
      storageClass: "STANDARD_IA",
      sse: "aws:kms",
      tags: { project: "a b&c", owner: "ä" },
    });
    const bytes = randomBytes(100_000);
    const sha256 = hash("sha256", bytes);
    for (const key of ["images/0ab/i_1.png", "images/0ab/i_2.png"]) await store.putNew(key, bytes, bytes.length, { ...PNG, sha256 });
    const [bySdk, direct] = seen;
    expect(direct!.body.equals(bytes)).toBe(true);
    expect(direct!.url).toBe(bySdk!.url.split("?")[0]!.replace("i_1", "i_2"));
    for (const name of [
      "host",
      "content-length",
      "content-type",
      "if-none-match",
      "x-amz-storage-class",
      "x-amz-server-side-encryption",
      "x-amz-tagging",
      "x-amz-meta-sha256",
    ]) {
      expect([name, direct!.headers[name]]).toEqual([name, bySdk!.headers[name]]);
      expect(direct!.headers).toHaveProperty([name]);
    }
    expect(direct!.headers).toMatchObject({ "x-amz-content-sha256": sha256, [CHECKSUM]: Buffer.from(sha256, "hex").toString("base64") });
    for (const name of ["transfer-encoding", "content-encoding", "x-amz-trailer", "expect"])
      expect(direct!.headers).not.toHaveProperty(name);
    expect(direct!.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=test-access-key\/\d{8}\/us-east-1\/s3\/aws4_request, /);
  });

  test("a session token goes out, and is signed", async () => {
    vi.stubEnv("AWS_SESSION_TOKEN", "a-token");
    const store = await storeOn((_asked, response) => response.writeHead(200).end());
    for (const key of ["a", "b"]) await store.putNew(key, randomBytes(10), 10, PNG);
    expect(seen[1]!.headers["x-amz-security-token"]).toBe("a-token");
    expect(seen[1]!.headers.authorization).toContain("x-amz-security-token");
  });

  test("a store that knows no checksum and says so is asked without it from then on, and its MD5 compared", async () => {
    const store = await storeOn(({ headers, body }, response) => {
      if (headers[CHECKSUM] !== undefined) return refuse(response, 400, "InvalidRequest");
      response.writeHead(200, { etag: md5Of(body) }).end();
    });
    for (const key of ["a", "b", "c"]) expect(await store.putNew(key, randomBytes(50_000), 50_000, PNG)).toBe("created");
    expect(seen.map(({ url, headers }) => `${url.split("?")[0]} ${headers[CHECKSUM] === undefined}`)).toEqual([
      "/bucket/p/a true",
      "/bucket/p/b false",
      "/bucket/p/b true",
      "/bucket/p/c true",
    ]);
  });

  test("a refusal that is not the checksum's stays one, and the checksum stays, too", async () => {
    let isRefusing = false;
    const store = await storeOn((_asked, response) => {
      if (isRefusing) return refuse(response, 400, "InvalidStorageClass");
      response.writeHead(200).end();
    });
    await store.putNew("a", randomBytes(10), 10, PNG);
    isRefusing = true;
    await expect(store.put("b", randomBytes(10), 10, PNG)).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringContaining("400 InvalidStorageClass a < b"),
    });
    isRefusing = false;
    await store.putNew("c", randomBytes(10), 10, PNG);
    expect(seen.at(-1)!.headers).toMatchObject({ [CHECKSUM]: expect.any(String), "if-none-match": "*" });
  });

  test.each([
    ["another SHA-256", { [CHECKSUM]: Buffer.alloc(32).toString("base64") }, "SHA-256"],
    ["another MD5, and no SHA-256", { etag: `"${"0".repeat(32)}"` }, "MD5"],
  ])("a 200 with %s is not trusted", async (_what, headers, named) => {
    const store = await storeOn((_asked, response, index) => response.writeHead(200, index === 0 ? {} : headers).end());
    await store.putNew("a", randomBytes(10), 10, PNG);
    const error = await store.putNew("b", randomBytes(10), 10, PNG).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({ message: expect.stringContaining(named) });
  });

  test("bytes that changed on the way are refused by the store, and tried again", async () => {
    const store = await storeOn((_asked, response, index) =>
      index === 0 ? response.writeHead(200).end() : refuse(response, 400, "BadDigest"),
    );
    await store.putNew("a", randomBytes(10), 10, PNG);
    await expect(store.putNew("b", randomBytes(10), 10, PNG)).rejects.toBeInstanceOf(TransientError);
    expect(seen).toHaveLength(2);
  });

  test("a clock that went wrong: the SDK corrects it by the store's, and later PUTs sign by that", async () => {
    const aheadMs = 3_600_000;
    const nowThere = (): number => Date.now() + (seen.length > 1 ? aheadMs : 0);
    const store = await storeOn(({ headers }, response) => {
      const [, year, month, day, hour, minute, second] =
        /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers["x-amz-date"])) ?? [];
      const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
      response.setHeader("date", new Date(nowThere()).toUTCString());
      if (Math.abs(nowThere() - signedMs) > 900_000) return refuse(response, 403, "RequestTimeTooSkewed");
      response.writeHead(200).end();
    });
    for (const key of ["a", "b", "c"]) expect(await store.putNew(key, randomBytes(10), 10, PNG)).toBe("created");
    // b: refused, then the SDK's two tries; c: at once.
    expect(seen.map(({ url }) => url.split("?")[0]!.at(-1))).toEqual(["a", "b", "b", "b", "c"]);
  });

  test("a redirect to another region is told as the SDK tells it", async () => {
    const store = await storeOn((_asked, response, index) =>
      index === 0 ? response.writeHead(200).end() : refuse(response, 301, "PermanentRedirect"),
    );
    await store.putNew("a", randomBytes(10), 10, PNG);
    await expect(store.putNew("b", randomBytes(10), 10, PNG)).rejects.toMatchObject({ hint: expect.stringContaining("store.region") });
  });

  test("proxy variables change nothing: the SDK does not read them either", async () => {
    for (const name of ["http_proxy", "HTTP_PROXY", "all_proxy"]) vi.stubEnv(name, "http://127.0.0.1:9");
    const store = await storeOn((_asked, response) => response.writeHead(200).end());
    for (const key of ["a", "b"]) expect(await store.putNew(key, randomBytes(10), 10, PNG)).toBe("created");
  });

  test("an abort in the middle ends it with its reason", async () => {
    const abort = new AbortController();
    const reason = new Error("stop");
    const store = await storeOn((_asked, response, index) => void (index === 0 ? response.writeHead(200).end() : abort.abort(reason)));
    await store.putNew("a", randomBytes(10), 10, PNG);
    await expect(store.putNew("b", randomBytes(10), 10, { ...PNG, signal: abort.signal })).rejects.toBe(reason);
  });
});
