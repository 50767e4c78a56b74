import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client, UploadPartCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { etagOf, MULTIPART_BYTES, partBytesOf } from "../../../src/stores/s3/multipart.ts";
import { s3Store } from "../../../src/stores/s3/s3.ts";
import { requirePart } from "../../helpers/parts.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";

const JSONL = { contentType: "application/jsonl" };
const MIB = 1024 * 1024;
const SIZE = MULTIPART_BYTES + 2 * MIB + 5;
const bytes = randomBytes(SIZE);
/** As a file is read. */
const streamOf = (content: Buffer): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += 64 * 1024) yield content.subarray(at, at + 64 * 1024);
    })(),
    { objectMode: false },
  );

beforeAll(() => {
  for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
});
afterAll(() => vi.unstubAllEnvs());

test("parts are so large that no object has over 10,000", () => {
  expect(partBytesOf(MULTIPART_BYTES)).toBe(16 * MIB);
  const tebibyte = 1024 ** 4;
  expect(Math.ceil((5 * tebibyte) / partBytesOf(5 * tebibyte))).toBeLessThanOrEqual(10_000);
});

describe.skipIf(!requirePart("seaweedfs", findWeed() !== undefined))("a long stream on SeaweedFS", () => {
  let seaweed: Seaweed;
  let client: S3Client;
  beforeAll(async () => {
    seaweed = await startSeaweed();
    client = new S3Client({ endpoint: seaweed.endpoint, region: "us-east-1", forcePathStyle: true });
  }, 60_000);
  afterAll(() => {
    client.destroy();
    return seaweed.stop();
  });
  const open = (prefix: string) =>
    s3Store({ uri: `s3://${seaweed.bucket}/${prefix}`, endpoint: seaweed.endpoint, concurrency: 4, tags: { project: "x" } });
  const uploadsOf = async (prefix: string) =>
    (await client.send(new ListMultipartUploadsCommand({ Bucket: seaweed.bucket, Prefix: prefix }))).Uploads ?? [];

  test("comes in parts, is whole, and is known again without being read", async () => {
    const store = await open("whole");
    await store.put("v1/a.jsonl", streamOf(bytes), SIZE, JSONL);
    expect((await buffer((await store.get("v1/a.jsonl"))!)).equals(bytes)).toBe(true);
    expect(await store.holds!("v1/a.jsonl", SIZE, () => streamOf(bytes))).toBe(true);
    const other = Buffer.from(bytes);
    other[SIZE - 1]! ^= 1;
    expect(await store.holds!("v1/a.jsonl", SIZE, () => streamOf(other))).toBe(false);
    expect(await store.holds!("v1/a.jsonl", SIZE - 1, () => streamOf(bytes.subarray(1)))).toBe(false);
    expect(await store.holds!("v1/gone", SIZE, () => streamOf(bytes))).toBe(false);
    expect(await uploadsOf("whole")).toEqual([]);

    const small = bytes.subarray(0, 3 * MIB);
    await store.put("v1/b.jsonl", streamOf(small), small.length, JSONL);
    expect(await store.holds!("v1/b.jsonl", small.length, () => streamOf(small))).toBe(true);
    expect(await store.holds!("v1/b.jsonl", small.length, () => streamOf(other.subarray(1, 3 * MIB + 1)))).toBe(false);
    await store.close();
  });

  test("replaces what was there, and leaves nothing of what a killed process began", async () => {
    const store = await open("again");
    const at = { Bucket: seaweed.bucket, Key: "again/v1/a.jsonl" };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: Buffer.alloc(5 * MIB) }));
    const neighbour = await client.send(new CreateMultipartUploadCommand({ ...at, Key: `${at.Key}.gz` }));
    await store.put("v1/a.jsonl", Buffer.from("old"), 3, JSONL);
    await store.put("v1/a.jsonl", streamOf(bytes), SIZE, JSONL);
    expect((await store.head("v1/a.jsonl"))?.sizeBytes).toBe(SIZE);
    expect((await uploadsOf("again")).map((upload) => upload.UploadId)).toEqual([neighbour.UploadId]);
    await store.close();
  });

  test.each([
    ["fails", Readable.from(failing(), { objectMode: false }), SIZE, "the disk is gone"],
    ["is short", streamOf(bytes.subarray(0, SIZE - 1)), SIZE, "less than the announced"],
    ["is long", streamOf(Buffer.concat([bytes, Buffer.from("x")])), SIZE, "more than the announced"],
  ])("that %s leaves no object and no parts", async (_, body, sizeBytes, problem) => {
    const store = await open("failed");
    await expect(store.put("v1/a.jsonl", body, sizeBytes, JSONL)).rejects.toThrow(problem);
    expect(body.destroyed).toBe(true);
    expect(await store.head("v1/a.jsonl")).toBeNull();
    expect(await uploadsOf("failed")).toEqual([]);
    await store.close();
  });
});

function* failing(): Generator<Buffer> {
  for (let at = 0; at < 20 * MIB; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
  throw new Error("the disk is gone");
}

/** A store that answers as S3 does, but for what a test plays. */
async function startStandIn(onPart: (number: number, body: Buffer, response: ServerResponse) => boolean, completeEtag?: string) {
  const calls: string[] = [];
  const md5s = new Map<number, string>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const query = new URL(request.url ?? "", "http://x").searchParams;
    const part = Number(query.get("partNumber"));
    const call = `${request.method} ${part > 0 ? `part ${part}` : [...query.keys()].filter((key) => key !== "x-id").join()}`;
    calls.push(call);
    if (part > 0) {
      const md5 = createHash("md5").update(body).digest("hex");
      md5s.set(part, md5);
      if (!onPart(part, body, response)) response.writeHead(200, { etag: `"${md5}"` }).end();
    } else if (call === "POST uploads")
      response.end(`<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`);
    else if (request.method === "POST") {
      const etag =
        completeEtag ??
        `${createHash("md5")
          .update(
            Buffer.from(
              [...md5s]
                .toSorted(([a], [b]) => a - b)
                .map(([, md5]) => md5)
                .join(""),
              "hex",
            ),
          )
          .digest("hex")}-${md5s.size}`;
      response.end(`<CompleteMultipartUploadResult><ETag>"${etag}"</ETag></CompleteMultipartUploadResult>`);
    } else if (request.method === "GET") response.writeHead(501).end("<Error><Code>NotImplemented</Code></Error>");
    else response.writeHead(204).end();
  };
  const server: Server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // Listening on TCP, so it is an AddressInfo.
  const store = await s3Store({ uri: "s3://bucket/x", endpoint, concurrency: 4 });
  return {
    calls,
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a long stream", () => {
  test("has a part that failed sent again, alone, also where uploads cannot be listed", async () => {
    let failures = 0;
    await using standIn = await startStandIn((number, _, response) => {
      if (number !== 3 || failures++ > 0) return false;
      response.writeHead(500).end("<Error><Code>InternalError</Code></Error>");
      return true;
    });
    await standIn.store.put("a", streamOf(bytes), SIZE, JSONL);
    const parts = standIn.calls.filter((call) => call.startsWith("PUT part")).toSorted();
    expect(parts).toEqual(["PUT part 1", "PUT part 2", "PUT part 3", "PUT part 3", "PUT part 4", "PUT part 5"]);
    expect(standIn.calls.at(-1)).toBe("POST uploadId");
  });

  test("is aborted where the store refuses a part, and no more is sent", async () => {
    await using standIn = await startStandIn((number, _, response) => {
      if (number !== 2) return false;
      response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
      return true;
    });
    await expect(standIn.store.put("a", streamOf(bytes), SIZE, JSONL)).rejects.toBeInstanceOf(FatalError);
    expect(standIn.calls.at(-1)).toBe("DELETE uploadId");
    expect(standIn.calls).not.toContain("PUT part 5");
  });

  test("is aborted where the store has got another part than was sent", async () => {
    await using standIn = await startStandIn((number, _, response) => {
      if (number !== 4) return false;
      response.writeHead(200, { etag: `"${"0".repeat(32)}"` }).end();
      return true;
    });
    await expect(standIn.store.put("a", streamOf(bytes), SIZE, JSONL)).rejects.toBeInstanceOf(TransientError);
    expect(standIn.calls.at(-1)).toBe("DELETE uploadId");
  });

  test("is not trusted where the whole has another ETag than its parts", async () => {
    await using standIn = await startStandIn(() => false, `${"0".repeat(32)}-5`);
    await expect(standIn.store.put("a", streamOf(bytes), SIZE, JSONL)).rejects.toThrow(/Cannot trust the stored object/);
  });

  test("has the ETag of its MD5 up to 64 MiB, of its parts beyond", async () => {
    const small = bytes.subarray(0, MULTIPART_BYTES);
    expect(await etagOf(streamOf(small), small.length)).toBe(createHash("md5").update(small).digest("hex"));
    expect(await etagOf(streamOf(bytes), SIZE)).toMatch(/^[0-9a-f]{32}-5$/);
  });
});
