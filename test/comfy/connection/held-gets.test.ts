import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { openConnection, type Connection, type ConnectionOptions } from "../../../src/comfy/connection/connection.ts";
import { openHeldGets, type HeldGets, type HeldSink } from "../../../src/comfy/connection/held-gets.ts";

const OK = (body: string, more = ""): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${more}\r\n${body}`;

/** A server that answers each request by hand, and notes what it was asked and on which connection. */
async function serverOf(answer: (socket: Socket, request: string, index: number) => void) {
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      requests.push(bytes.toString("latin1"));
      answer(socket, requests.at(-1)!, requests.length - 1);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push({ server, sockets });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}`, requests, sockets, server };
}

const servers: { readonly server: Server; readonly sockets: readonly Socket[] }[] = [];
const opened: Connection[] = [];
afterEach(async () => {
  for (const connection of opened.splice(0)) await connection.close();
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
});

function open(url: string, more: Partial<ConnectionOptions> = {}): HeldGets {
  const connection = openConnection({ url, headers: {}, caFile: null, connections: 4, timeoutMs: 2_000, ...more });
  opened.push(connection);
  return openHeldGets(connection);
}

/** Collects what came, and in how many pieces. */
function sinkOf(onPiece: (bytes: Buffer) => void = () => undefined) {
  const seen: { memory: Buffer | null; pieces: number[]; text: string } = { memory: null, pieces: [], text: "" };
  const sink: HeldSink = {
    begin: (sizeBytes) => (seen.memory = Buffer.alloc(sizeBytes)),
    piece(bytes) {
      seen.pieces.push(bytes.length);
      seen.text += bytes.toString("latin1");
      onPiece(bytes);
    },
  };
  return { seen, sink };
}

function get(gets: HeldGets, { maxBytes = 1e6, signal = new AbortController().signal, path = "/view?filename=a" } = {}, sunk = sinkOf()) {
  return { ...sunk, done: gets.get(path, { sink: sunk.sink, maxBytes, signal }) };
}

describe("openHeldGets()", () => {
  test("reads the body into the memory given, and uses the connection again", async () => {
    const { url, requests, sockets } = await serverOf((socket, _request, index) => socket.write(OK(`image ${index}`)));
    const gets = open(`${url}/base/`, { headers: { authorization: "Bearer x" }, connections: 1 });
    for (const index of [0, 1, 2]) {
      const { done, seen } = get(gets);
      expect(await done).toBe(true);
      expect(seen.memory?.toString()).toBe(`image ${index}`);
      expect(seen.text).toBe(`image ${index}`);
    }
    expect(sockets).toHaveLength(1);
    expect(requests[0]).toMatch(/^GET \/base\/view\?filename=a HTTP\/1\.1\r\n/);
    expect(requests[0]).toContain("accept-encoding: identity\r\nauthorization: Bearer x\r\n");
  });

  test("takes an answer in whatever pieces it comes", async () => {
    const text = OK("0123456789".repeat(50));
    const { url } = await serverOf((socket) => {
      let at = 0;
      const next = (): void => {
        if (at < text.length) socket.write(text.slice(at, (at += 7)), () => setImmediate(next));
      };
      next();
    });
    const { done, seen } = get(open(url));
    expect(await done).toBe(true);
    expect(seen.text).toBe("0123456789".repeat(50));
    expect(seen.pieces.length).toBeGreaterThan(1);
  });

  test("an empty body is a body", async () => {
    const { url } = await serverOf((socket) => socket.write(OK("")));
    const { done, seen } = get(open(url));
    expect(await done).toBe(true);
    expect(seen).toMatchObject({ memory: Buffer.alloc(0), pieces: [] });
  });

  test.each([
    ["404", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"],
    ["chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"],
    ["a packed body", OK("x", "content-encoding: gzip\r\n")],
    ["a part", OK("x", "content-range: bytes 0-0/9\r\n")],
    ["an image that is too large to be held", OK("x".repeat(2_000))],
  ])("%s: left to another, and so are the next ones", async (_what, answer) => {
    const { url, requests } = await serverOf((socket) => socket.write(answer));
    const gets = open(url);
    const { done, seen } = get(gets, { maxBytes: 1_000 });
    expect(await done).toBe(false);
    expect(seen.memory).toBeNull();
    expect(await get(gets).done).toBe(false);
    expect(requests).toHaveLength(1);
    for (let index = 1; index < 16; index++) await get(gets).done;
    await get(gets).done;
    expect(requests).toHaveLength(2);
  });

  test.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["a head without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(40_000)}`],
  ])("%s: left to another", async (_what, answer) => {
    const { url } = await serverOf((socket) => socket.write(answer));
    const { done, seen } = get(open(url));
    expect(await done).toBe(false);
    expect(seen.memory).toBeNull();
  });

  test("a server that is not there, or closes without a word: left to another", async () => {
    const { url, server } = await serverOf((socket) => socket.end());
    expect(await get(open(url)).done).toBe(false);
    server.close();
    expect(await get(open("http://127.0.0.1:9")).done).toBe(false);
  });

  test("a connection that the server closed while it was idle is not waited for", async () => {
    const { url, sockets } = await serverOf((socket) => socket.write(OK("x")));
    const gets = open(url);
    expect(await get(gets).done).toBe(true);
    const gone = once(sockets[0]!, "close");
    sockets[0]!.destroy();
    await gone;
    // It may be taken before its end is heard of: then that answer is left to another.
    const answers = [await get(gets).done, await get(gets).done];
    expect(answers).toContain(true);
  });

  test("an answer that breaks off is an error with a code", async () => {
    const { url } = await serverOf((socket) => socket.end(OK("0123456789").slice(0, -3)));
    await expect(get(open(url)).done).rejects.toMatchObject({ code: "UND_ERR_SOCKET" });
    const reset = await serverOf((socket) => void socket.write(OK("0123456789").slice(0, -3), () => socket.resetAndDestroy()));
    await expect(get(open(reset.url)).done).rejects.toMatchObject({ code: expect.any(String) as string });
  });

  test("a server that falls silent, before or in its answer", async () => {
    const before = await serverOf(() => undefined);
    await expect(get(open(before.url, { timeoutMs: 50 })).done).rejects.toMatchObject({ code: "UND_ERR_HEADERS_TIMEOUT" });
    const within = await serverOf((socket) => socket.write(OK("0123456789").slice(0, -3)));
    await expect(get(open(within.url, { timeoutMs: 50 })).done).rejects.toMatchObject({ code: "UND_ERR_BODY_TIMEOUT" });
  });

  test("an abort ends it with its reason, and the connection with it", async () => {
    const { url, sockets } = await serverOf((socket) => socket.write(OK("0123456789").slice(0, -3)));
    const abort = new AbortController();
    const reason = new Error("stop");
    const { done } = get(
      open(url),
      { signal: abort.signal },
      sinkOf(() => abort.abort(reason)),
    );
    await expect(done).rejects.toBe(reason);
    if (!sockets[0]!.destroyed) await once(sockets[0]!, "close");
  });

  test("what the sink throws ends it, and the connection with it", async () => {
    const { url, sockets } = await serverOf((socket) => socket.write(OK("0123456789")));
    const bad = new Error("no image");
    const { done } = get(
      open(url),
      {},
      sinkOf(() => {
        throw bad;
      }),
    );
    await expect(done).rejects.toBe(bad);
    if (!sockets[0]!.destroyed) await once(sockets[0]!, "close");
  });

  test("more than was announced never reaches the memory given, nor the next answer", async () => {
    const { url, sockets } = await serverOf((socket) => socket.write(`${OK("01234")}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nX`));
    const gets = open(url);
    for (const _ of [1, 2]) {
      const { done, seen } = get(gets);
      expect(await done).toBe(true);
      expect(seen.text).toBe("01234");
    }
    expect(sockets).toHaveLength(2);
  });

  test("bytes that nobody asked for end an idle connection, and touch no memory", async () => {
    const { url, sockets } = await serverOf((socket) => socket.write(OK("01234")));
    const gets = open(url);
    const { done, seen } = get(gets);
    expect(await done).toBe(true);
    const closed = once(sockets[0]!, "close");
    sockets[0]!.write("surprise surprise");
    await closed;
    expect(seen.memory?.toString()).toBe("01234");
    expect(await get(gets).done).toBe(true);
    expect(sockets).toHaveLength(2);
  });

  test("connection: close is kept to", async () => {
    const { url, sockets } = await serverOf((socket) => socket.write(OK("x", "connection: close\r\n")));
    const gets = open(url);
    expect(await get(gets).done).toBe(true);
    expect(await get(gets).done).toBe(true);
    expect(sockets).toHaveLength(2);
  });

  test("no more connections than allowed: the next request waits for one", async () => {
    const waiting: Socket[] = [];
    const { url } = await serverOf((socket) => void waiting.push(socket));
    const gets = open(url, { connections: 2 });
    const all = [get(gets).done, get(gets).done, get(gets).done];
    while (waiting.length < 2) await new Promise(setImmediate);
    for (const socket of waiting) socket.write(OK("x"));
    while (waiting.length < 3) await new Promise(setImmediate);
    waiting[2]?.write(OK("x"));
    expect(await Promise.all(all)).toEqual([true, true, true]);
    expect(new Set(waiting).size).toBe(2);
  });

  test("the end of its connection ends what is under way", async () => {
    const { url, requests } = await serverOf((socket) => socket.write(OK("0123456789").slice(0, -3)));
    const { done } = get(
      open(url),
      {},
      sinkOf(() => void opened[0]?.close()),
    );
    await expect(done).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" });
    expect(requests).toHaveLength(1);
  });

  test("a header that cannot be sent is left to another", async () => {
    expect(await get(open("http://127.0.0.1:9", { headers: { authorization: "a\r\nb" } })).done).toBe(false);
  });

  test("a path with a line break is left to another", async () => {
    expect(await get(open("http://127.0.0.1:9"), { path: "/view?filename=a b" }).done).toBe(false);
    expect(await get(open("http://127.0.0.1:9"), { path: "/view\r\nx: y" }).done).toBe(false);
  });
});
