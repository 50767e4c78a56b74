import { hash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { s3Store, type S3Options } from "../../../src/stores/s3/s3.ts";
import { SEAWEED_CREDENTIALS } from "../../helpers/seaweed.ts";

// Small objects: the SDK sends the first PUT, and later ones are signed and sent without its layers. A store must not notice.

const PNG = { contentType: "image/png" };
const CHECKSUM = "x-amz-checksum-sha256";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}
type Answer = (seen: Seen, response: ServerResponse, index: number) => void;

let seen: Seen[] = [];
let sockets: Socket[] = [];
let endpoint = "";
let answer: Answer;
let stop: () => Promise<void>;

const good: Answer = ({ body, headers }, response) => {
  const checksum = headers[CHECKSUM];
  response.writeHead(200, { etag: `"${hash("md5", body)}"`, ...(checksum === undefined ? {} : { [CHECKSUM]: checksum }) }).end();
};
const refuse = (response: ServerResponse, status: number, code: string) =>
  response
    .writeHead(status, { "content-type": "application/xml" })
    .end(`<Error><Code>${code}</Code><Message>a &lt;b&gt;</Message></Error>`);

beforeEach(async () => {
  seen = [];
  sockets = [];
  answer = good;
  for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks) });
      answer(seen.at(-1)!, response, seen.length - 1);
    });
  });
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // TCP.
  stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stop();
});

const open = (options: Partial<S3Options> = {}) => s3Store({ uri: "s3://bucket/a+(b)/ü", endpoint, concurrency: 4, ...options });
const bytes = randomBytes(30_000);
const options = { ...PNG, sha256: hash("sha256", bytes) };
/** Puts once through the SDK, then as often as asked. Returns the outcome of the last PUT, or its error. */
async function putLast(times: number, settings: Partial<S3Options> = {}) {
  const store = await open(settings);
  try {
    for (let index = 0; index < times; index++) await store.putNew(`images/${index}`, bytes, bytes.length, options);
    return await store.putNew("images/last", bytes, bytes.length, options).catch((error: unknown) => error);
  } finally {
    await store.close();
  }
}

describe("a small object on the wire", () => {
  test("later requests carry the headers of the SDK's first one, and the checksum besides", async () => {
    vi.stubEnv("AWS_SESSION_TOKEN", "a token");
    expect(await putLast(2, { storageClass: "STANDARD_IA", sse: "AES256", tags: { project: "a b&c" } })).toBe("created");
    const [first, ...later] = seen;
    const names = ["content-length", "content-type", "host", "if-none-match", "x-amz-meta-sha256"];
    for (const name of [...names, "x-amz-security-token", "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-tagging"]) {
      expect(first!.headers[name], name).toBeDefined();
      for (const { headers } of later) expect(headers[name], name).toBe(first!.headers[name]);
    }
    expect(seen.map(({ url }) => url.split("?", 1)[0])).toEqual([0, 1, "last"].map((name) => `/bucket/a%2B%28b%29/%C3%BC/images/${name}`));
    for (const { body } of seen) expect(body.equals(bytes)).toBe(true);
    expect(first!.headers[CHECKSUM]).toBeUndefined();
    for (const { headers } of later) {
      expect(headers).toMatchObject({
        "x-amz-content-sha256": options.sha256,
        [CHECKSUM]: Buffer.from(options.sha256, "hex").toString("base64"),
      });
      for (const name of ["transfer-encoding", "content-encoding", "x-amz-trailer", "expect"]) expect(headers).not.toHaveProperty(name);
      expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=test-access-key\/\d{8}\/us-east-1\/s3\/aws4_request, /);
      expect(headers.authorization).toContain("x-amz-security-token");
      expect(headers.authorization).toMatch(/Signature=[0-9a-f]{64}/);
    }
  });

  test("the path of any prefix is written as the SDK writes it", async () => {
    const part = fc.stringMatching(/^[\w.!'()*~@%:&=+$,;äß猫-]{1,12}$/).filter((text) => text.trim() === text && !/^\.{1,2}$/.test(text));
    await fc.assert(
      fc.asyncProperty(part, async (prefix) => {
        seen = [];
        const store = await open({ uri: `s3://bucket/${prefix}` });
        for (const key of ["one", "two"]) await store.put(key, bytes, bytes.length, options);
        await store.close();
        expect(seen[1]!.headers[CHECKSUM]).toBeDefined();
        expect(seen[1]!.url.split("?", 1)[0]).toBe(seen[0]!.url.split("?", 1)[0]!.replace(/one$/, "two"));
      }),
      { numRuns: 40 },
    );
  });

  test("proxy variables change nothing: the SDK does not read them either", async () => {
    for (const name of ["http_proxy", "HTTP_PROXY", "all_proxy"]) vi.stubEnv(name, "http://127.0.0.1:9");
    expect(await putLast(1)).toBe("created");
    expect(seen).toHaveLength(2);
  });
});

describe("the checksums in a store's answer", () => {
  const withEtag =
    (etag: string): Answer =>
    (_seen, response) =>
      void response.writeHead(200, { etag: `"${etag}"` }).end();

  test("a checksum that it computed is enough, whatever its ETag", async () => {
    answer = (entry, response, index) =>
      index === 0
        ? good(entry, response, index)
        : void response.writeHead(200, { etag: `"${"0".repeat(32)}"`, [CHECKSUM]: String(entry.headers[CHECKSUM]) }).end();
    expect(await putLast(1)).toBe("created");
  });

  test("another SHA-256 is not trusted", async () => {
    answer = (entry, response, index) =>
      index === 0 ? good(entry, response, index) : void response.writeHead(200, { [CHECKSUM]: Buffer.alloc(32).toString("base64") }).end();
    const error = await putLast(1);
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toContain("SHA-256");
  });

  test.each([0, 1])("without one, another MD5 is not trusted (request %i)", async (times) => {
    answer = (entry, response, index) =>
      (index === times ? withEtag("0".repeat(32)) : withEtag(hash("md5", entry.body)))(entry, response, index);
    const error = await putLast(times);
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toContain("MD5");
  });

  test("an ETag that is no MD5 says nothing", async () => {
    answer = withEtag("abc-2");
    expect(await putLast(1)).toBe("created");
  });

  test.each([
    [501, "NotImplemented"],
    [400, "InvalidArgument"],
  ])("a store that refuses checksums (%i %s) is sent none, from then on", async (status, code) => {
    answer = (entry, response, index) =>
      entry.headers[CHECKSUM] === undefined ? good(entry, response, index) : refuse(response, status, code);
    expect(await putLast(2)).toBe("created");
    expect(seen.map(({ headers }) => headers[CHECKSUM] !== undefined)).toEqual([false, true, false, false]);
  });

  test("a refusal for another reason stays one, and the next object has its checksum again", async () => {
    const store = await open();
    await store.putNew("a", bytes, bytes.length, options);
    answer = (_entry, response) => refuse(response, 400, "InvalidStorageClass");
    await expect(store.put("b", bytes, bytes.length, options)).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringContaining("400 InvalidStorageClass a <b>"),
    });
    answer = good;
    await store.putNew("c", bytes, bytes.length, options);
    expect(seen.at(-1)!.headers).toMatchObject({ [CHECKSUM]: expect.any(String), "if-none-match": "*" });
    await store.close();
  });

  test("bytes that the store finds changed are not sent again without their checksum", async () => {
    answer = (entry, response, index) => (index === 0 ? good(entry, response, index) : refuse(response, 400, "BadDigest"));
    expect(await putLast(1)).toBeInstanceOf(TransientError);
    expect(seen).toHaveLength(2);
  });

  test("a store without If-None-Match is asked with HEAD instead", async () => {
    answer = (entry, response, index) => {
      if (entry.method === "HEAD") response.writeHead(404).end();
      else if (entry.headers["if-none-match"] !== undefined) refuse(response, 501, "NotImplemented");
      else good(entry, response, index);
    };
    const store = await open();
    for (const key of ["a", "b"]) expect(await store.putNew(key, bytes, bytes.length, options)).toBe("created");
    expect(seen.at(-1)!.headers[CHECKSUM]).toBeDefined();
    await store.close();
  });
});

describe.each([0, 1])("request %i that fails", (times) => {
  const failing = (how: Answer): void => {
    answer = (entry, response, index) => (index < times ? good : how)(entry, response, index);
  };

  test.each([
    [503, "SlowDown", TransientError],
    [500, "InternalError", TransientError],
    [400, "BadDigest", TransientError],
    [409, "ConditionalRequestConflict", TransientError],
    [403, "AccessDenied", FatalError],
    [403, "ExpiredToken", FatalError],
    [404, "NoSuchBucket", FatalError],
  ])("with %i %s is classed, in the store's words", async (status, code, kind) => {
    failing((_entry, response) => refuse(response, status, code));
    const error = await putLast(times);
    expect(error).toBeInstanceOf(kind);
    expect(String(error)).toContain(`${status} ${code}`);
    expect(String(error)).not.toContain(SEAWEED_CREDENTIALS.AWS_SECRET_ACCESS_KEY);
  });

  test("with 412 exists", async () => {
    failing((_entry, response) => refuse(response, 412, "PreconditionFailed"));
    expect(await putLast(times)).toBe("exists");
  });

  test("by a reset is transient", async () => {
    failing((_entry, response) => response.destroy());
    expect(await putLast(times)).toBeInstanceOf(TransientError);
  });

  test("by silence is transient, in time", async () => {
    failing(() => undefined);
    const error = await putLast(times, { stallTimeoutMs: 200 });
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toMatch(/in time|timed out|Timeout/i);
  });

  test("by an abort throws its reason", async () => {
    const abort = new AbortController();
    const reason = new Error("stop");
    failing(() => abort.abort(reason));
    const store = await open();
    for (let index = 0; index < times; index++) await store.put("a", bytes, bytes.length, options);
    await expect(store.putNew("a", bytes, bytes.length, { ...options, signal: abort.signal })).rejects.toBe(reason);
    await store.close();
  });
});

describe("a PUT that is left to the SDK", () => {
  test("a clock that goes wrong is corrected by the SDK, and later requests are signed by the store's clock", async () => {
    const aheadMs = 3_600_000;
    answer = (entry, response, index) => {
      const nowMs = Date.now() + (index > 0 ? aheadMs : 0);
      const [, year, month, day, hour, minute, second] =
        /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(entry.headers["x-amz-date"])) ?? [];
      const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
      response.setHeader("date", new Date(nowMs).toUTCString());
      if (Math.abs(nowMs - signedMs) > 900_000) refuse(response, 403, "RequestTimeTooSkewed");
      else good(entry, response, index);
    };
    const store = await open();
    for (const key of ["a", "b", "c"]) expect(await store.putNew(key, bytes, bytes.length, options)).toBe("created");
    // b: refused, then the SDK's two tries; c: at once.
    expect(seen.map(({ url }) => url.split("?")[0]!.at(-1))).toEqual(["a", "b", "b", "b", "c"]);
    await store.close();
  });

  test("a redirect to another region is reported with the SDK's code, and hints at store.region", async () => {
    answer = (entry, response, index) => (index === 0 ? good(entry, response, index) : refuse(response, 301, "PermanentRedirect"));
    const error = await putLast(1);
    expect(error).toBeInstanceOf(FatalError);
    expect(String(error)).toContain("PermanentRedirect");
    expect(error).toMatchObject({ hint: expect.stringContaining("store.region") });
  });
});

test("close() leaves no socket open", async () => {
  expect(await putLast(3)).toBe("created");
  await expect.poll(() => sockets.filter(({ destroyed }) => !destroyed)).toEqual([]);
});
