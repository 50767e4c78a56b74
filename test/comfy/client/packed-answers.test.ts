import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { comfyClient, type ComfyClient } from "../../../src/comfy/client/client.ts";

const never = new AbortController().signal;
const CODINGS = { gzip: gzipSync, "x-gzip": gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
const ANSWER = '{"exec_info": {"queue_remaining": 3}}';
const IMAGE = Buffer.alloc(50_000, "image");

let server: Server | undefined;
let client: ComfyClient | undefined;
afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server behind a proxy that packs every answer so, whatever it is asked. */
async function behind(coding: string, pack: (body: Buffer) => Buffer, status = 200) {
  const asked: IncomingHttpHeaders[] = [];
  server = createServer((request, response) => {
    asked.push(request.headers);
    const path = request.url ?? "";
    const text = path.startsWith("/history") ? `{"id": {"prompt": [1, "id", {}, {}, []], "outputs": {}}}` : ANSWER;
    const body = pack(path.startsWith("/view") ? IMAGE : Buffer.from(text));
    response.writeHead(status, { "content-encoding": coding, "content-length": body.length }).end(body);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  client = comfyClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers: {} });
  return { client, asked };
}

const file = { filename: "a.png", subfolder: "", type: "output" };

describe.each(Object.entries(CODINGS))("a proxy that packs with %s", (coding, pack) => {
  test("is asked not to, and read all the same", async () => {
    const { client: comfy, asked } = await behind(coding, pack);
    expect(await comfy.queueRemaining(never)).toBe(3);
    expect(await Array.fromAsync(comfy.historyAll(never))).toHaveLength(1);
    const view = await comfy.view(file, never);
    if (view.kind !== "found") throw new Error("not found");
    expect(view.sizeBytes, "the length of the packed body is none of the image").toBeNull();
    expect((await buffer(view.body)).equals(IMAGE)).toBe(true);
    const sink = { begin: () => Buffer.alloc(0), piece: () => undefined };
    expect(await comfy.viewHeld(file, { sink, maxBytes: 1e6, signal: never }), "for whoever reads HTTP in full").toBe(false);
    expect(asked.map((headers) => headers["accept-encoding"])).toEqual(Array.from(asked, () => "identity"));
  });
});

test("the words of a refusal are unpacked", async () => {
  const { client: comfy } = await behind("gzip", () => gzipSync("the pool is draining"), 503);
  await expect(comfy.queueRemaining(never)).rejects.toThrow("503 Service Unavailable: the pool is draining");
});

test("bytes of an unknown coding never reach a terminal", async () => {
  const { client: comfy } = await behind("snappy", (body) => gzipSync(body));
  const error = await comfy.queueRemaining(never).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("bytes that are no text");
  expect(String(error)).toMatch(/^[ -~]*$/);
});

test("a body that is not packed as it says is an answer that broke off", async () => {
  const { client: comfy } = await behind("gzip", (body) => body);
  await expect(comfy.queueRemaining(never)).rejects.toThrow(/the answer broke off/);
});

test("what a user writes in servers[].headers goes before", async () => {
  await behind("gzip", gzipSync);
  const own = comfyClient({ url: client!.url, headers: { "Accept-Encoding": "br" } });
  expect(await own.queueRemaining(never)).toBe(3);
  await own.close();
});
