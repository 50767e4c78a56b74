import { hash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  GetBucketLifecycleConfigurationCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ConfigError, FatalError, TransientError } from "../../../src/errors.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { s3Store, type S3Options } from "../../../src/stores/s3/s3.ts";
import { chunked, objectStoreContract } from "../../contracts/object-store.ts";
import { requirePart } from "../../helpers/parts.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";

const PNG = { contentType: "image/png" };
const hasWeed = requirePart("seaweedfs", findWeed() !== undefined);

beforeAll(() => {
  for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
});
afterAll(() => vi.unstubAllEnvs());

describe.skipIf(!hasWeed)("on SeaweedFS", () => {
  let seaweed: Seaweed;
  let runs = 0;
  let sdkClient: S3Client | undefined;
  beforeAll(async () => {
    seaweed = await startSeaweed();
  }, 60_000);
  afterAll(() => {
    sdkClient?.destroy();
    return seaweed.stop();
  });

  const open = (options: Partial<S3Options> = {}) =>
    s3Store({ uri: `s3://${seaweed.bucket}/run${runs++}`, endpoint: seaweed.endpoint, concurrency: 4, ...options });

  /** The SDK itself, to see what the store was told. */
  const client = () => (sdkClient ??= new S3Client({ endpoint: seaweed.endpoint, region: "us-east-1", forcePathStyle: true }));

  objectStoreContract("s3", async () => {
    const store = await open();
    return { store, close: () => store.close() };
  });

  test("list() goes on after a page of 1,000", async () => {
    const store = await open({ concurrency: 16 });
    const keys = Array.from({ length: 1_040 }, (_, i) => `many/${String(i).padStart(4, "0")}`);
    for (let at = 0; at < keys.length; at += 40)
      await Promise.all(keys.slice(at, at + 40).map((key) => store.put(key, Buffer.from("x"), 1, PNG)));
    expect((await Array.fromAsync(store.list("many/"))).map(({ key }) => key)).toEqual(keys);
    await store.close();
  });

  test("a bucket without prefix", async () => {
    const store = await open({ uri: `s3://${seaweed.bucket}` });
    await store.put("top", Buffer.from("x"), 1, PNG);
    expect(store.uriOf("top")).toBe(`s3://${seaweed.bucket}/top`);
    expect(await store.head("top")).toEqual({ sizeBytes: 1, uri: `s3://${seaweed.bucket}/top` });
    await store.close();
  });

  test("storage class, tags and SHA-256 stand at the object", async () => {
    const store = await open({ uri: `s3://${seaweed.bucket}/kept`, storageClass: "STANDARD_IA", tags: { project: "a b&c" } });
    const sha256 = hash("sha256", "x");
    await store.put("images/a", Buffer.from("x"), 1, { ...PNG, sha256 });
    const at = { Bucket: seaweed.bucket, Key: "kept/images/a" };
    expect(await client().send(new HeadObjectCommand(at))).toMatchObject({
      StorageClass: "STANDARD_IA",
      Metadata: { sha256 },
    });
    expect((await client().send(new GetObjectTaggingCommand(at))).TagSet).toEqual([{ Key: "project", Value: "a b&c" }]);
    await store.close();
  });

  test("our lifecycle rule comes and goes, other rules stay, tags add to the object's own", async () => {
    const store = await open({ uri: `s3://${seaweed.bucket}/expiring`, tags: { project: "x" } });
    const { expiry } = store;
    expect(await expiry!.rules()).toEqual([]);
    await expiry!.setRule(30);
    const ours = { days: 30, isOurs: true, isEnabled: true, prefix: "expiring/images/", tags: { "comfy-dpo": "unused" } };
    expect(await expiry!.rules()).toEqual([expect.objectContaining(ours)]);
    const other = await open({ uri: `s3://${seaweed.bucket}/another` });
    await other.expiry!.setRule(7);
    const logs = { ID: "logs", Status: "Enabled", Filter: { Prefix: "logs/" }, Expiration: { Days: 1 } } as const;
    const { Rules = [] } = await client().send(new GetBucketLifecycleConfigurationCommand({ Bucket: seaweed.bucket }));
    await client().send(
      new PutBucketLifecycleConfigurationCommand({ Bucket: seaweed.bucket, LifecycleConfiguration: { Rules: [logs, ...Rules] } }),
    );
    await expiry!.setRule(90);
    expect(new Set((await expiry!.rules()).map(({ days, isOurs, prefix }) => `${prefix} ${days} ${isOurs}`))).toEqual(
      new Set(["another/images/ 7 false", "expiring/images/ 90 true", "logs/ 1 false"]),
    );
    await expiry!.setRule(null);
    expect(new Set((await expiry!.rules()).map(({ prefix }) => prefix))).toEqual(new Set(["another/images/", "logs/"]));

    await store.put("images/a", Buffer.from("x"), 1, PNG);
    await expiry!.mark("images/a");
    await expiry!.mark("images/a");
    await expiry!.mark("images/not-there");
    const tags = await client().send(new GetObjectTaggingCommand({ Bucket: seaweed.bucket, Key: "expiring/images/a" }));
    expect(Object.fromEntries((tags.TagSet ?? []).map(({ Key, Value }) => [Key, Value]))).toEqual({ project: "x", "comfy-dpo": "unused" });
    await Promise.all([store.close(), other.close()]);
  });

  test("a missing bucket is a FatalError with what to do", async () => {
    const store = await open({ uri: "s3://no-such-bucket/x" });
    const error = await store.putNew("a", chunked(randomBytes(500_000)), 500_000, PNG).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "FatalError", hint: expect.stringContaining("create the bucket") });
    await expect(store.put("a", Buffer.from("x"), 1, PNG)).rejects.toBeInstanceOf(FatalError);
    await expect(Array.fromAsync(store.list(""))).rejects.toBeInstanceOf(FatalError);
    await store.close();
  });

  test("refused credentials are a FatalError that shows no secret", async () => {
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "wrong-secret");
    const store = await open();
    const error = await store.putNew("a", chunked(randomBytes(10)), 10, PNG).catch((thrown: unknown) => thrown);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", SEAWEED_CREDENTIALS.AWS_SECRET_ACCESS_KEY);
    expect(error).toBeInstanceOf(FatalError);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error)).not.toContain("wrong-secret");
    await store.close();
  });
});

/** How the body of a PUT goes out: the first one of bytes in memory through the SDK, later ones without it. */
const WAYS = ["a stream", "bytes through the SDK", "bytes without it"] as const;

describe.each(WAYS)("s3Store() and stores that fail, %s", (way) => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  /** A store on a server that answers as told. */
  async function storeOn(answer: (request: IncomingMessage, response: ServerResponse) => void, options: Partial<S3Options> = {}) {
    const server = createServer((request, response) => {
      if (request.url?.includes("/p/first") === true) return void request.resume().on("end", () => response.writeHead(200).end());
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // TCP.
    const store = await s3Store({ uri: "s3://bucket/p", endpoint: `http://127.0.0.1:${port}`, concurrency: 4, ...options });
    closers.push(async () => {
      await store.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    // Shows where to; what follows goes there directly.
    if (way === "bytes without it") await store.putNew("first", Buffer.from("x"), 1, PNG);
    return { store, server };
  }

  const bodyOf = (sizeBytes: number): Buffer | Readable => (way === "a stream" ? chunked(randomBytes(sizeBytes)) : randomBytes(sizeBytes));

  const refuse = (response: ServerResponse, status: number, code: string): void => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>because</Message></Error>`);
  };
  const whole = (request: IncomingMessage, then: () => void): void => {
    request.resume();
    request.on("end", then);
  };
  const failPut = async (store: ObjectStore, body = bodyOf(1_000_000)): Promise<unknown> => {
    const error = await store.putNew("a", body, 1_000_000, PNG).catch((thrown: unknown) => thrown);
    expect(body instanceof Readable ? body.destroyed : true).toBe(true);
    return error;
  };

  test.each([
    [503, "SlowDown"],
    [500, "InternalError"],
    [429, "TooManyRequests"],
    [400, "RequestTimeout"],
    [409, "ConditionalRequestConflict"],
  ])("%i %s is tried again", async (status, code) => {
    const { store } = await storeOn((request, response) => whole(request, () => refuse(response, status, code)));
    expect(await failPut(store)).toBeInstanceOf(TransientError);
  });

  test.each([
    [403, "AccessDenied", "allow"],
    [403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"],
    [404, "NoSuchBucket", "create the bucket"],
    [301, "PermanentRedirect", "region"],
    [400, "InvalidStorageClass", "keys under"],
    [507, "XMinioStorageFull", "free space"],
  ])("%i %s stops the run with a hint", async (status, code, hint) => {
    const { store } = await storeOn((request, response) => whole(request, () => refuse(response, status, code)));
    const error = await failPut(store);
    expect(error).toBeInstanceOf(FatalError);
    expect(error).toMatchObject({ hint: expect.stringContaining(hint) });
  });

  test("412 before the body was read: the object exists, and no socket stays busy", async () => {
    const { store, server } = await storeOn((_request, response) => refuse(response, 412, "PreconditionFailed"), { concurrency: 1 });
    for (let i = 0; i < 5; i++) expect(await store.putNew("a", bodyOf(5_000_000), 5_000_000, PNG)).toBe("exists");
    await expect.poll(() => connections(server)).toBeLessThanOrEqual(1);
  });

  test("503 before the body was read, then silence: no hang, no socket used up", async () => {
    const { store } = await storeOn((_request, response) => refuse(response, 503, "SlowDown"), { concurrency: 1 });
    for (let i = 0; i < 5; i++) expect(await failPut(store)).toBeInstanceOf(TransientError);
  });

  test("a connection cut in the middle is tried again", async () => {
    const { store } = await storeOn((request) => void request.once("data", () => request.socket.destroy()));
    expect(await failPut(store)).toBeInstanceOf(TransientError);
  });

  test("a refused connection is tried again", async () => {
    const { store, server } = await storeOn(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    expect(await failPut(store)).toBeInstanceOf(TransientError);
  });

  test.each(["reads nothing", "reads all and never answers"])(
    "a store that %s ends in a TransientError",
    async (how) => {
      const { store } = await storeOn((request) => void (how === "reads nothing" || request.resume()), { stallTimeoutMs: 300 });
      const error = await failPut(store);
      expect(error).toBeInstanceOf(TransientError);
      await expect(store.head("a")).rejects.toBeInstanceOf(TransientError);
    },
    60_000,
  );

  test("an answer with another MD5 is not trusted", async () => {
    const { store } = await storeOn((request, response) =>
      whole(request, () => response.writeHead(200, { etag: `"${"0".repeat(32)}"` }).end()),
    );
    expect(await failPut(store)).toMatchObject({ name: "TransientError", message: expect.stringContaining("MD5") });
  });

  test("200 before the body was read is not trusted, and the next PUT does not wait behind it", async () => {
    let isHasty = true;
    const { store } = await storeOn(
      (request, response) => {
        if (isHasty) return void response.writeHead(200, { "content-length": 0 }).end(); // And reads nothing, ever.
        whole(request, () => response.writeHead(200).end());
      },
      { concurrency: 1, stallTimeoutMs: 5_000 },
    );
    const body = bodyOf(30_000_000);
    const error = await store.putNew("a", body, 30_000_000, PNG).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransientError);
    isHasty = false;
    expect(await store.putNew("b", bodyOf(10), 10, PNG)).toBe("created");
  });

  test("an ETag that is no MD5 is left alone", async () => {
    const { store } = await storeOn((request, response) => whole(request, () => response.writeHead(200, { etag: '"kms-key"' }).end()));
    expect(await store.putNew("a", bodyOf(10), 10, PNG)).toBe("created");
  });

  test("a store without If-None-Match is asked with HEAD instead", async () => {
    const seen: string[] = [];
    const { store } = await storeOn((request, response) =>
      whole(request, () => {
        seen.push(`${request.method} ${request.headers["if-none-match"] ?? "-"}`);
        if (request.headers["if-none-match"] !== undefined) return refuse(response, 501, "NotImplemented");
        response.writeHead(request.method === "HEAD" ? 404 : 200).end();
      }),
    );
    // A stream is read by then: its caller sends it again. Bytes are sent again here.
    const putOnceMore = (): Promise<string> => store.putNew("a", bodyOf(10), 10, PNG);
    const first = await putOnceMore().catch((error: unknown) => (error instanceof TransientError ? putOnceMore() : String(error)));
    expect(first).toBe("created");
    // 501 may mean the checksum, too, which only goes out without the SDK: asked once more without it.
    expect(seen).toEqual([...(way === "bytes without it" ? ["PUT *"] : []), "PUT *", "HEAD -", "PUT -"]);
    expect(await store.putNew("b", bodyOf(10), 10, PNG)).toBe("created");
    expect(seen.slice(-2)).toEqual(["HEAD -", "PUT -"]);
  });

  test("a store that ignores If-None-Match is asked with HEAD, once that has shown", async () => {
    const seen: string[] = [];
    const { store } = await storeOn((request, response) =>
      whole(request, () => {
        seen.push(`${request.method} ${request.headers["if-none-match"] ?? "-"}`);
        response.writeHead(200, { "content-length": 0 }).end();
      }),
    );
    await store.provePutNew!("marker", Buffer.from("x"), PNG);
    expect(seen.splice(0)).toEqual(["PUT *"]);
    expect(await store.putNew("a", bodyOf(10), 10, PNG)).toBe("exists");
    expect(seen).toEqual(["HEAD -"]);
  });

  test("a store that refuses HEAD is asked with GET", async () => {
    const seen: string[] = [];
    const { store } = await storeOn((request, response) => {
      seen.push(String(request.method));
      whole(request, () =>
        request.method === "HEAD" ? response.writeHead(403).end() : response.writeHead(200, { "content-length": 4 }).end("four"),
      );
    });
    for (let i = 0; i < 2; i++) expect(await store.head("a")).toMatchObject({ sizeBytes: 4 });
    expect(seen).toEqual(["HEAD", "GET", "GET"]);
  });

  test("where reading is refused, too, the reason is the one that GET gives", async () => {
    const { store } = await storeOn((_request, response) => refuse(response, 403, "AccessDenied"));
    await expect(store.head("a")).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringContaining("AccessDenied because"),
      hint: expect.stringContaining("s3:GetObject"),
    });
  });

  test.each([
    [403, { "content-type": "text/html" }, "<html><b>Blocked</b></html>", /answer is 403, without S3's XML/, /proxy or firewall/],
    [403, {}, "", /answer is 403, without S3's XML/, /s3:PutObject/],
    [403, { "content-type": "application/json" }, '{"error":"no"}', /answer is 403, without S3's XML/, /proxy or firewall/],
    [418, {}, "teapot", /answer is 418, without S3's XML/, /keys under/],
    [307, { location: "https://eu.store.example/b?sig=secret" }, "", /answers 307 .* https:\/\/eu\.store\.example$/, /store\.endpoint/],
    [302, {}, "<html>login</html>", /answers 302 and sends its clients to another address/, /store\.endpoint/],
    [501, {}, "", /answer is 501/, /store\.storage_class/],
  ])("%i in words that are no S3's gets words of ours", async (status, headers, body, message, hint) => {
    const { store } = await storeOn((request, response) => whole(request, () => response.writeHead(status, headers).end(body)));
    const error = await store.put("a", bodyOf(1_000), 1_000, PNG).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "FatalError", message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
    expect(String(error)).not.toMatch(/UnknownError|secret|XML parse/);
  });

  test("a body cut while being read is a TransientError", async () => {
    const { store } = await storeOn((_request, response) => {
      response.writeHead(200, { "content-length": "1000000" });
      response.write(randomBytes(1_000), () => response.destroy());
    });
    const body = await store.get("a");
    await expect(buffer(body ?? Readable.from([]))).rejects.toBeInstanceOf(TransientError);
  });

  test("the wire form that every S3-compatible server takes: plain length, no trailer, path style", async () => {
    let seen: IncomingMessage | undefined;
    const { store } = await storeOn((request, response) => {
      seen = request;
      whole(request, () => response.writeHead(200).end());
    });
    await store.putNew("a", bodyOf(3_000_000), 3_000_000, PNG);
    expect(seen?.url?.split("?")[0]).toBe("/bucket/p/a");
    expect(seen?.headers).toMatchObject({ "content-length": "3000000", "content-type": "image/png", "if-none-match": "*" });
    for (const header of ["transfer-encoding", "content-encoding", "x-amz-trailer", "expect"])
      expect(seen?.headers).not.toHaveProperty(header);
  });

  // 127.0.0.1:9 is never asked.
  test("without credentials: a FatalError that names the variables, at once", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
    const store = await s3Store({ uri: "s3://bucket/p", endpoint: "http://127.0.0.1:9", concurrency: 1 });
    const error = await failPut(store);
    for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
    expect(error).toMatchObject({ name: "FatalError", hint: expect.stringContaining("AWS_ACCESS_KEY_ID") });
    await store.close();
  });

  test.each(["s3://", "s3:///prefix", "http://bucket"])("refuses the URI %s", async (uri) => {
    await expect(s3Store({ uri, concurrency: 1 })).rejects.toBeInstanceOf(ConfigError);
  });
});

function connections(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
}
