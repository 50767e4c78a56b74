import type {
  Answer,
  EntryResult,
  Flag,
  HistoryAnswer,
  Progress,
  RefusedReason,
  SessionAnswer,
  Task,
  TasksAnswer,
  VotesAnswer,
  VotesRequest,
} from "../api.ts";
import { AskError, askServer, chooseBackOffMs } from "./ask-server.ts";
import { Outbox, type OutboxState } from "./outbox.ts";
import { PastVotes, type PastVote } from "./past-votes.ts";
import type { VoteStore } from "./vote-store.ts";

/** Tasks kept ready, which can be answered without a connection. Their images: see stages.tsx. */
const READY_TASKS = 8;
/** More are requested when this many are left: seldom, and long before the last. */
const REFILL_AT = 5;
/** Most held task_ids in one request. Source: api.ts, TasksRequest. */
const HOLDING_MAX = 20;
/** While the page is visible, how often leases are renewed and new work is requested, ms. */
const LOOK_MS = 20_000;

/** The phase of the work, which decides what the page shows. */
export type Phase = "working" | "loading" | "empty" | "unreachable" | "signed-out";

export interface Refused {
  readonly vote_id: string;
  readonly reason: RefusedReason;
}

/** The last event, shown as text and read aloud by screen readers. */
export type LastEvent =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "undone" }
  | { readonly kind: "cannot-undo" }
  | { readonly kind: "nothing-to-undo" };

export interface DeskState {
  readonly phase: Phase;
  /** The task on screen first, then the next ones. */
  readonly tasks: readonly Task[];
  /** By task_id: votes that were undone. */
  readonly undone: ReadonlyMap<string, PastVote>;
  readonly progress: Progress;
  readonly unsent: number;
  /** `offline` also if nothing is to be sent and the server does not answer. */
  readonly link: OutboxState;
  readonly isKept: boolean;
  readonly refused: readonly Refused[];
  readonly lastEvent: LastEvent | null;
}

/** One person's work: the tasks at hand, the votes so far, and what still has to reach the server. Notifies listeners of each change. */
export class Desk {
  readonly #outbox: Outbox;
  readonly #listeners = new Set<() => void>();
  #past = new PastVotes([], askHistory);
  #tasks: readonly Task[] = [];
  readonly #undone = new Map<string, PastVote>();
  #progress: Progress;
  #refused: readonly Refused[] = [];
  #lastEvent: LastEvent | null = null;
  /** The server had no more when it was last asked. */
  #isExhausted = false;
  #problem: "unreachable" | "signed-out" | null = null;
  #failures = 0;
  #isAsking = false;
  #isUndoing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: DeskState;

  constructor(session: SessionAnswer, store: VoteStore | null) {
    this.#progress = session.progress;
    this.#outbox = new Outbox({
      store,
      send: (request) => sendAs(session, request),
      onChange: () => this.#notify(),
      onAnswer: (answer) => this.#onAnswer(answer),
    });
    this.#state = this.#snapshot();
  }

  /** Loads unsent votes and requests tasks, then looks for more at times while the page is visible. */
  async start(): Promise<void> {
    await this.#outbox.load();
    this.#past = new PastVotes(this.#outbox.unsent, askHistory);
    this.#outbox.sendNow();
    await this.#refill();
    setInterval(() => document.visibilityState === "visible" && void this.#refill(), LOOK_MS);
    addEventListener("online", () => this.retry());
    addEventListener("offline", () => this.#notify());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retry());
    // If the browser stores nothing, only this page can still send it.
    addEventListener("beforeunload", (event) => !this.#outbox.isKept && this.#outbox.unsent.length > 0 && event.preventDefault());
  }

  get state(): DeskState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Answers the task on screen and shows the next one at once.
   * @param ms how long its images were on screen.
   */
  answer(answer: Answer, flags: Readonly<Record<string, readonly Flag[]>>, ms: number): void {
    const [task, ...rest] = this.#tasks;
    if (task === undefined) return;
    this.#tasks = rest;
    const vote_id = createUuid();
    this.#undone.delete(task.task_id);
    this.#past.push({ vote_id, task, answer, flags });
    this.#lastEvent = { kind: "answered", answer };
    this.#outbox.add({ entry: { kind: "vote", vote_id, task_id: task.task_id, answer, flags, ms: Math.max(0, Math.round(ms)) }, task });
    if (rest.length === 0 || (!this.#isExhausted && rest.length <= REFILL_AT)) void this.#refill();
  }

  /** Undoes the newest vote and shows its task again, before the one on screen. */
  async undo(): Promise<void> {
    if (this.#isUndoing) return;
    this.#isUndoing = true;
    try {
      const vote = await this.#past.pop();
      if (vote === null) this.#lastEvent = { kind: "nothing-to-undo" };
      else this.#showAgain(vote);
    } catch (error) {
      this.#lastEvent = { kind: "cannot-undo" };
      this.#fail(error);
    } finally {
      this.#isUndoing = false;
      this.#notify();
    }
  }

  /** Retries everything that is waiting, now. */
  retry(): void {
    this.#outbox.sendNow();
    void this.#refill();
  }

  dismissRefused(): void {
    this.#refused = [];
    this.#notify();
  }

  #showAgain(vote: PastVote): void {
    const { task } = vote;
    this.#undone.set(task.task_id, vote);
    this.#tasks = [task, ...this.#tasks.filter(({ task_id }) => task_id !== task.task_id)];
    this.#lastEvent = { kind: "undone" };
    this.#outbox.add({ entry: { kind: "undo", vote_id: vote.vote_id }, task });
  }

  /** Renews leases and requests missing tasks, one request at a time. Never rejects. */
  async #refill(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    clearTimeout(this.#timer);
    try {
      // Somebody quick answers several tasks during one request.
      for (let asked = 0; asked < 2 && (asked === 0 || (!this.#isExhausted && this.#tasks.length <= REFILL_AT)); asked++) await this.#ask();
      this.#problem = null;
      this.#failures = 0;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isAsking = false;
      this.#notify();
    }
  }

  async #ask(): Promise<void> {
    const unsent = this.#unsentTasks();
    const holding = [...this.#tasks.map(({ task_id }) => task_id), ...unsent].slice(0, HOLDING_MAX);
    const count = Math.max(0, READY_TASKS - this.#tasks.length);
    const answer: TasksAnswer = await askServer("/api/tasks", { holding, count });
    const [current] = this.#tasks;
    const gone = new Set(answer.gone.filter((task_id) => task_id !== current?.task_id && !this.#undone.has(task_id)));
    const known = new Set([...this.#tasks.map(({ task_id }) => task_id), ...this.#unsentTasks(), ...unsent]);
    this.#tasks = [
      ...this.#tasks.filter(({ task_id }) => !gone.has(task_id)),
      ...answer.tasks.filter(({ task_id }) => !known.has(task_id)),
    ];
    this.#progress = answer.progress;
    this.#isExhausted = answer.tasks.length < count;
    this.#notify();
  }

  /** Returns tasks with an unsent vote: the server may not know yet that they are answered. */
  #unsentTasks(): readonly string[] {
    const taskIds = new Set<string>();
    for (const { entry, task } of this.#outbox.unsent) {
      if (entry.kind === "vote") taskIds.add(task.task_id);
      else taskIds.delete(task.task_id);
    }
    return [...taskIds];
  }

  #onAnswer({ results, progress }: { readonly results: readonly EntryResult[]; readonly progress: Progress | null }): void {
    for (const result of results) {
      if (result.kind === "refused") {
        this.#refused = [...this.#refused, { vote_id: result.vote_id, reason: result.reason }];
        this.#past.forget(result.vote_id);
      }
      if (result.kind === "undone" && result.task === null) this.#drop(result.vote_id);
    }
    if (progress !== null) this.#progress = progress;
    this.#notify();
    // The connection is back, although no event said so.
    if (this.#problem !== null) void this.#refill();
  }

  /** Drops the task of an undone vote whose images are gone: nobody can choose among them again. */
  #drop(voteId: string): void {
    this.#tasks = this.#tasks.filter(({ task_id }) => this.#undone.get(task_id)?.vote_id !== voteId);
  }

  #fail(error: unknown): void {
    if (error instanceof AskError && error.code === "not-joined") {
      this.#problem = "signed-out";
      return;
    }
    this.#problem = "unreachable";
    this.#failures++;
    const asked = error instanceof AskError ? (error.retryAfterMs ?? 0) : 0;
    this.#timer = setTimeout(() => void this.#refill(), Math.max(asked, chooseBackOffMs(this.#failures)));
  }

  #phase(): Phase {
    if (this.#problem === "signed-out" || this.#outbox.state === "signed-out") return "signed-out";
    if (this.#tasks.length > 0) return "working";
    if (this.#problem === "unreachable") return "unreachable";
    return this.#isExhausted && !this.#isAsking ? "empty" : "loading";
  }

  #snapshot(): DeskState {
    // Votes that the server has not counted yet.
    const unsentVotes = this.#outbox.unsent.reduce((sum, { entry }) => sum + (entry.kind === "vote" ? 1 : -1), 0);
    return {
      phase: this.#phase(),
      tasks: this.#tasks,
      undone: new Map(this.#undone),
      progress: { ...this.#progress, done: this.#progress.done + unsentVotes, left: Math.max(0, this.#progress.left - unsentVotes) },
      unsent: this.#outbox.unsent.length,
      link: this.#problem === "unreachable" || !navigator.onLine ? "offline" : this.#outbox.state,
      isKept: this.#outbox.isKept,
      refused: this.#refused,
      lastEvent: this.#lastEvent,
    };
  }

  #notify(): void {
    this.#state = this.#snapshot();
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Sends entries. If the server does not know them, it may take this browser for somebody else, whose link was opened meanwhile. The entries
 * are then kept, as after a revoked link.
 */
async function sendAs({ dataset, annotator }: SessionAnswer, request: VotesRequest): Promise<VotesAnswer> {
  const answer = await askServer<VotesAnswer>("/api/votes", request);
  if (!answer.results.some((result) => result.kind === "refused" && result.reason.startsWith("unknown-"))) return answer;
  const now = await askServer<SessionAnswer>("/api/session");
  if (now.dataset === dataset && now.annotator === annotator) return answer;
  throw new AskError("not-joined", `this browser has joined as ${now.annotator}`);
}

function askHistory(before: string | null): Promise<HistoryAnswer> {
  return askServer(before === null ? "/api/votes" : `/api/votes?before=${encodeURIComponent(before)}`);
}

/**
 * Creates a random UUID (RFC 9562, version 4). Browsers have `crypto.randomUUID` only over HTTPS and on localhost, and the page may be
 * served with --insecure.
 */
function createUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
