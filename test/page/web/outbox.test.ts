import { describe, expect, it, vi } from "vitest";
import type { EntryResult, Task, VotesRequest } from "../../../src/page/api.ts";
import { AskError } from "../../../src/page/web/ask-server.ts";
import { Outbox } from "../../../src/page/web/outbox.ts";
import type { Unsent, VoteStore } from "../../../src/page/web/vote-store.ts";

const task: Task = { task_id: "t", criterion: "overall", prompt: "", negative: "", images: [], references: [], leased_until_ms: 0 };
const vote = (vote_id: string): Unsent => ({
  entry: { kind: "vote", vote_id, task_id: "t", answer: { kind: "tie" }, flags: {}, ms: 1 },
  task,
});
const progress = { done: 0, left: 0, per_hour: 0 };

/** A store in memory. IndexedDB is tested in a browser. */
function memoryStore(): VoteStore & { readonly kept: Map<number, Unsent> } {
  const kept = new Map<number, Unsent>();
  return {
    kept,
    all: () => Promise.resolve([...kept].toSorted(([first], [second]) => first - second)),
    add: (key, unsent) => Promise.resolve(void kept.set(key, unsent)),
    remove: (keys) => Promise.resolve(keys.forEach((key) => kept.delete(key))),
  };
}

/** A server that answers as `behave` says or else confirms, and keeps what it received. */
function makeOutbox(behave: (request: VotesRequest) => Error | null = () => null, store: VoteStore | null = memoryStore()) {
  const sent: string[][] = [];
  const results: EntryResult[] = [];
  const outbox = new Outbox({
    store,
    send: (request) => {
      sent.push(request.entries.map(({ vote_id }) => vote_id));
      const error = behave(request);
      if (error !== null) return Promise.reject(error);
      return Promise.resolve({ results: request.entries.map(({ vote_id }) => ({ kind: "confirmed" as const, vote_id })), progress });
    },
    onChange: () => undefined,
    onAnswer: (answer) => results.push(...answer.results),
  });
  return { outbox, sent, results };
}

describe("Outbox", () => {
  it("sends in order, one request at a time, and forgets what is confirmed", async () => {
    const store = memoryStore();
    const { outbox, sent } = makeOutbox(() => null, store);
    for (const id of ["a", "b", "c"]) outbox.add(vote(id));
    await vi.waitFor(() => expect(outbox.state).toBe("idle"));
    expect(sent).toEqual([["a"], ["b", "c"]]);
    expect(outbox.unsent).toEqual([]);
    await vi.waitFor(() => expect(store.kept.size).toBe(0));
  });

  it("keeps everything while the server does not answer, also after a reload", async () => {
    const store = memoryStore();
    const { outbox } = makeOutbox(() => new AskError("unreachable", "down"), store);
    outbox.add(vote("a"));
    outbox.add(vote("b"));
    await vi.waitFor(() => expect(outbox.state).toBe("offline"));
    expect(outbox.unsent).toHaveLength(2);

    const next = makeOutbox(() => null, store);
    await next.outbox.load();
    next.outbox.add(vote("c"));
    await vi.waitFor(() => expect(next.outbox.state).toBe("idle"));
    expect(next.sent.flat()).toEqual(["a", "b", "c"]);
  });

  it("continues by itself when the server is back", async () => {
    let down = true;
    const { outbox, sent } = makeOutbox(() => (down ? new AskError("unavailable", "ending") : null));
    outbox.add(vote("a"));
    await vi.waitFor(() => expect(outbox.state).toBe("offline"));
    down = false;
    await vi.waitFor(() => expect(outbox.state).toBe("idle"), { timeout: 5_000 });
    expect(sent).toEqual([["a"], ["a"]]);
  });

  it("waits for a new link if the old one is revoked", async () => {
    let revoked = true;
    const { outbox } = makeOutbox(() => (revoked ? new AskError("not-joined", "revoked") : null));
    outbox.add(vote("a"));
    await vi.waitFor(() => expect(outbox.state).toBe("signed-out"));
    revoked = false;
    outbox.sendNow();
    await vi.waitFor(() => expect(outbox.state).toBe("idle"));
  });

  it("isolates and reports an entry that can never be accepted, and loses no other", async () => {
    const { outbox, sent, results } = makeOutbox(({ entries }) =>
      entries.some(({ vote_id }) => vote_id === "bad") ? new AskError("bad-request", "no JSON that fits") : null,
    );
    await outbox.load();
    for (const id of ["a", "bad", "c"]) outbox.add(vote(id));
    await vi.waitFor(() => expect(outbox.state).toBe("idle"));
    expect(results.map(({ kind, vote_id }) => `${vote_id} ${kind}`)).toEqual(["a confirmed", "bad refused", "c confirmed"]);
    expect(sent).toEqual([["a"], ["bad", "c"], ["bad"], ["c"]]);
  });

  it("sends 100 entries a request", async () => {
    const store = memoryStore();
    for (let index = 0; index < 250; index++) await store.add(index, vote(`v${index}`));
    const { outbox, sent } = makeOutbox(() => null, store);
    await outbox.load();
    outbox.sendNow();
    await vi.waitFor(() => expect(outbox.state).toBe("idle"));
    expect(sent.map(({ length }) => length)).toEqual([100, 100, 50]);
  });

  it("reports that the browser stores nothing, and still sends", async () => {
    const store = memoryStore();
    const { outbox, sent } = makeOutbox(() => null, { ...store, add: () => Promise.reject(new Error("QuotaExceededError")) });
    outbox.add(vote("a"));
    await vi.waitFor(() => expect(outbox.isKept).toBe(false));
    await vi.waitFor(() => expect(sent).toEqual([["a"]]));
  });
});
