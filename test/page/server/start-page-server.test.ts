import { Agent, request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { annotatorQueries } from "../../../src/db/queries/page/annotators.ts";
import type { ErrorAnswer, TasksAnswer, VotesAnswer } from "../../../src/page/api.ts";
import { readComparisonRules } from "../../../src/page/server/tasks/comparison-rules.ts";
import { type PageServer, startPageServer } from "../../../src/page/server/start-page-server.ts";
import { FatalError } from "../../../src/errors.ts";
import { hashToken } from "../../../src/page/server/secrets.ts";
import { joinPage, type PageClient } from "../../helpers/page-client.ts";
import { openVotingPage, type VotingPage } from "../../helpers/voting-page.ts";

let page: VotingPage;
let server: PageServer;
let lead: PageClient;

const start = (port: number, options: { readonly requestTimeoutMs?: number } = {}): Promise<PageServer> =>
  startPageServer(page.dataset.context, {
    ...options,
    host: "127.0.0.1",
    port,
    publicUrl: null,
    insecure: false,
    datasetId: "0123456789abcdef",
    secret: Buffer.alloc(32, 1),
    rules: readComparisonRules(page.dataset.context.config),
    feed: page.feed,
    files: new Map(),
    guidelines: null,
  });

beforeEach(async () => {
  page = await openVotingPage();
  for (const name of ["x", "y", "z"]) page.addPrompt(name, 2);
  await page.scan();
  server = await start(0);
  lead = await joinPage(server.leadUrl);
});

afterEach(async () => {
  lead.close();
  await server.close();
  await page[Symbol.asyncDispose]();
});

describe("startPageServer()", () => {
  it.each([
    ["full", "max_page_count = 1", "max_page_count = 1000000"],
    ["read-only", "query_only = ON", "query_only = OFF"],
  ])("confirms nothing while the disk is %s, and takes the same votes once it is not", async (_what, broken, mended) => {
    const [task] = await lead.tasks(1);
    const { client } = page.dataset.db;
    // A free page in the database file would still take a row.
    client.exec("vacuum");
    client.pragma(broken);
    const entry = (voteId: string, choice: object, flags = {}) => ({
      entries: [{ kind: "vote", vote_id: voteId, task_id: task!.task_id, answer: choice, flags, ms: 1 }],
    });
    const best = { kind: "best", best: task!.images[0]!.slot };
    // Repeated until the existing pages are full.
    const votes = Array.from({ length: 40 }, () => crypto.randomUUID());
    const refused: string[] = [];
    for (const voteId of votes) {
      const answer = await lead.post("/api/votes", entry(voteId, best));
      if (answer.status === 200 && (answer.json() as VotesAnswer).results[0]?.kind === "confirmed") {
        await lead.post("/api/votes", { entries: [{ kind: "undo", vote_id: voteId }] });
        continue;
      }
      expect([answer.status, (answer.json() as ErrorAnswer).error]).toEqual([503, "unavailable"]);
      refused.push(voteId);
      if (refused.length > 2) break;
    }
    expect(refused.length).toBeGreaterThan(2);
    expect((await lead.ask("/api/session")).status).toBe(200); // What is only read goes on.
    client.pragma(mended);
    const again = (await lead.post("/api/votes", entry(refused[0]!, best))).json() as VotesAnswer;
    expect(again.results).toEqual([{ kind: "confirmed", vote_id: refused[0] }]);
    const rows = client.prepare<[string], number>("select count(*) from votes where vote_id = ?").pluck();
    expect(refused.map((voteId) => rows.get(voteId))).toEqual([1, 0, 0]);
  });

  it("answers many concurrent requests, each with its own image", async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => lead.post("/api/tasks", { holding: [], count: 3 })));
    const ids = answers.map((answer) => (answer.json() as TasksAnswer).tasks.map(({ task_id }) => task_id).toSorted());
    expect(new Set(ids.map((each) => each.join())).size).toBe(1); // One person's three tasks, given once.
    expect(ids[0]).toHaveLength(3);
  });

  it("frees the slots of people who left or stopped reading", async () => {
    const { client } = page.dataset.db;
    const { store } = page.dataset.context;
    // Larger than a socket's buffer. Only the structure of a PNG is read.
    const bytes = Buffer.concat([
      Buffer.from("89504e470d0a1a0a", "hex"),
      chunkOf("IHDR", 13),
      chunkOf("IDAT", 30_000_000),
      chunkOf("IEND", 0),
    ]);
    await store.put("images/big.png", bytes, bytes.length, { contentType: "image/png", signal: new AbortController().signal });
    client.prepare("update images set key = 'images/big.png', bytes = ?").run(bytes.length);
    const [task] = await lead.tasks(1);
    const path = task!.images[0]!.full;
    const agent = new Agent();
    const ask = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const asked = request(new URL(path, server.url), { agent, headers: { cookie: lead.cookie } }, resolve);
        asked.on("error", reject);
        asked.end();
      });
    for (let round = 0; round < 5; round++) for (const answer of [await ask(), await ask()]) answer.destroy(); // Unread.
    const held = [await ask(), await ask()];
    for (const answer of held) answer.pause();
    const bo = annotatorQueries(page.dataset.db);
    bo.setToken("bo", { role: "annotator", tokenSha256: hashToken("bo"), nowMs: 0 });
    const other = await joinPage(`${server.url}/join/bo`);
    const [theirs] = await other.tasks(1);
    expect((await other.ask(theirs!.images[0]!.full)).bytes.length).toBe(bytes.length);
    for (const answer of held) answer.destroy();
    expect((await lead.ask(path)).bytes.length).toBe(bytes.length);
    agent.destroy();
    other.close();
  });

  it.each([
    ["head", "GET / HTTP/1.1\r\nhost: x\r\n"],
    ["body", "POST /api/votes HTTP/1.1\r\nHOST\r\nCOOKIE\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"],
    ["nothing", ""],
  ])("gives up a request that does not come in time: %s", async (_what, text) => {
    const hasty = await start(0, { requestTimeoutMs: 300 });
    const person = await joinPage(hasty.leadUrl);
    const { hostname, port, host } = new URL(hasty.url);
    const socket = connect({ host: hostname, port: Number(port) });
    const startedMs = performance.now();
    socket.write(
      text.replace("HOST", `host: ${host}\r\norigin: ${new URL(hasty.url).origin}`).replace("COOKIE", `cookie: ${person.cookie}`),
    );
    socket.resume();
    await once(socket, "close");
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    person.close();
    await hasty.close();
  });

  it("is not blocked by thousands of silent connections", async () => {
    const { hostname, port } = new URL(server.url);
    const idle = Array.from({ length: 1_500 }, () => connect({ host: hostname, port: Number(port) }).on("error", () => undefined));
    await Promise.all(idle.map((socket) => (socket.connecting ? once(socket, "connect") : Promise.resolve())));
    const other = await joinPage(server.leadUrl);
    expect(await lead.tasks(1)).toHaveLength(1);
    other.close();
    for (const socket of idle) socket.destroy();
  });

  it("reports a port in use, and leaves nothing open", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo; // It listens on TCP.
    const failed = start(port);
    await expect(failed).rejects.toThrow(FatalError);
    await expect(failed).rejects.toMatchObject({ hint: expect.stringContaining("another program uses this port") });
    await new Promise((resolve) => other.close(resolve));
  });
});

function chunkOf(type: string, sizeBytes: number): Buffer {
  const chunk = Buffer.alloc(12 + sizeBytes);
  chunk.writeUInt32BE(sizeBytes, 0);
  chunk.write(type, 4, "latin1");
  return chunk;
}
