import type { EntryResult, Progress, VotesAnswer, VotesRequest } from "../api.ts";
import { AskError, chooseBackOffMs } from "./ask-server.ts";
import type { Unsent, VoteStore } from "./vote-store.ts";

/** Most entries in one request. Source: api.ts, VotesRequest. */
const BATCH_MAX = 100;

/** `idle`: nothing to send. `offline` retries by itself, `signed-out` only when asked. */
export type OutboxState = "idle" | "sending" | "offline" | "signed-out";

export interface OutboxDeps {
  /** Null if the browser stores nothing. Entries then live as long as the page. */
  readonly store: VoteStore | null;
  readonly send: (request: VotesRequest) => Promise<VotesAnswer>;
  /** Called when the number of entries, the state or `isKept` changes. */
  readonly onChange: () => void;
  /** Called with the results of sent entries. `progress` is null if the server answered no votes. */
  readonly onAnswer: (answer: { readonly results: readonly EntryResult[]; readonly progress: Progress | null }) => void;
}

/**
 * Sends votes and undos in order, one request at a time, until the server has confirmed or refused each. Meanwhile the browser stores them,
 * so a lost connection, a restart of the server or a reload loses none. Their ids count each once.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #waiting: (readonly [key: number, unsent: Unsent])[] = [];
  #state: OutboxState = "idle";
  #isKept: boolean;
  #lastKey = 0;
  #failures = 0;
  #batchMax = BATCH_MAX;
  #isSending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#isKept = deps.store !== null;
  }

  /** Loads what an earlier page left unsent. Call it before the first `add`. */
  async load(): Promise<void> {
    try {
      this.#waiting.push(...((await this.#deps.store?.all()) ?? []));
    } catch {
      this.#isKept = false;
    }
    this.#lastKey = this.#waiting.at(-1)?.[0] ?? 0;
    if (this.#waiting.length > 0) this.#setState("sending");
  }

  get state(): OutboxState {
    return this.#state;
  }

  /** False if the browser refused to store an entry. The page should stay open until all is sent. */
  get isKept(): boolean {
    return this.#isKept;
  }

  get unsent(): readonly Unsent[] {
    return this.#waiting.map(([, unsent]) => unsent);
  }

  add(unsent: Unsent): void {
    this.#lastKey = nextKey(this.#lastKey);
    const key = this.#lastKey;
    this.#waiting.push([key, unsent]);
    this.#deps.store?.add(key, unsent).catch(() => {
      this.#isKept = false;
      this.#deps.onChange();
    });
    if (this.#state === "idle") this.#state = "sending";
    this.#deps.onChange();
    if (this.#timer === undefined) void this.#run();
  }

  /** Sends now: the connection is back, or somebody asked. */
  sendNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#run();
  }

  /** Sends until nothing is left or a request fails. Never rejects. */
  async #run(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#waiting.length > 0) await this.#sendBatch(this.#waiting.slice(0, this.#batchMax));
      this.#setState("idle");
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isSending = false;
    }
  }

  async #sendBatch(batch: readonly (readonly [number, Unsent])[]): Promise<void> {
    try {
      const answer = await this.#deps.send({ entries: batch.map(([, { entry }]) => entry) });
      this.#failures = 0;
      this.#batchMax = BATCH_MAX;
      await this.#settle(batch, answer.results);
      this.#deps.onAnswer(answer);
    } catch (error) {
      if (!(error instanceof AskError) || (error.code !== "bad-request" && error.code !== "too-large")) throw error;
      await this.#isolate(batch, error);
    }
  }

  /**
   * Handles a request that will never be accepted, so that it does not stop the entries behind it: sends them one by one, and drops and
   * reports the one at fault.
   */
  async #isolate(batch: readonly (readonly [number, Unsent])[], { message }: AskError): Promise<void> {
    const [first, second] = batch;
    if (second !== undefined) {
      this.#batchMax = 1;
      return;
    }
    if (first === undefined) return;
    const refused: EntryResult = { kind: "refused", vote_id: first[1].entry.vote_id, reason: "bad-answer", message };
    await this.#settle(batch, [refused]);
    this.#batchMax = BATCH_MAX;
    this.#deps.onAnswer({ results: [refused], progress: null });
  }

  /** Removes the entries that have results, one for each entry in order. */
  async #settle(batch: readonly (readonly [number, Unsent])[], results: readonly EntryResult[]): Promise<void> {
    const settled = batch.slice(0, results.length).map(([key]) => key);
    if (settled.length === 0) throw new AskError("unreachable", "the answer to the votes contains no results");
    this.#waiting.splice(0, settled.length);
    this.#setState(this.#waiting.length > 0 ? "sending" : "idle");
    // If this fails, the entries are sent again after a reload, and count once by their ids.
    await this.#deps.store?.remove(settled).catch(() => undefined);
  }

  #failed(error: unknown): void {
    this.#failures++;
    if (error instanceof AskError && error.code === "not-joined") {
      this.#setState("signed-out");
      return;
    }
    this.#setState("offline");
    const asked = error instanceof AskError ? error.retryAfterMs : null;
    this.#timer = setTimeout(() => this.sendNow(), Math.max(asked ?? 0, chooseBackOffMs(this.#failures)));
  }

  #setState(state: OutboxState): void {
    this.#state = state;
    this.#deps.onChange();
  }
}

/** Returns a key larger than the last, which differs between two tabs: they must not overwrite each other's entries. */
function nextKey(last: number): number {
  return Math.max(last + 1, Date.now() * 1024 + Math.floor(Math.random() * 1024));
}
