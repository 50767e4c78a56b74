import type { Answer, Flag, HistoryAnswer, Task, VoteEntry } from "../api.ts";
import type { Unsent } from "./vote-store.ts";

/** Most votes kept here. The server has those before them. */
const OWN_MAX = 500;

/** An answer and its task. */
export interface PastVote {
  readonly vote_id: string;
  readonly task: Task;
  readonly answer: Answer;
  readonly flags: Readonly<Record<string, readonly Flag[]>>;
}

/**
 * The votes that undo goes back through, newest first: those of this page, those that an earlier page left unsent, then those on the
 * server, page by page. No vote comes twice, and none that was undone.
 */
export class PastVotes {
  readonly #fetch: (before: string | null) => Promise<HistoryAnswer>;
  readonly #stack: PastVote[] = [];
  readonly #known = new Set<string>();
  #older: PastVote[] = [];
  /** Position of the next page of the server's history. Null: the newest votes. Undefined: there is no more. */
  #before: string | null | undefined = null;

  constructor(unsent: readonly Unsent[], fetch: (before: string | null) => Promise<HistoryAnswer>) {
    this.#fetch = fetch;
    for (const { entry, task } of unsent) {
      if (entry.kind === "vote") this.push(pastVote(entry, task));
      else this.#takeBack(entry.vote_id);
    }
  }

  push(vote: PastVote): void {
    this.#stack.push(vote);
    this.#known.add(vote.vote_id);
    if (this.#stack.length <= OWN_MAX) return;
    for (const { vote_id } of this.#stack.splice(0, OWN_MAX / 2)) this.#known.delete(vote_id);
    this.#older = [];
    this.#before = null;
  }

  /** Removes a vote that the server refused: there is nothing to undo. */
  forget(voteId: string): void {
    this.#takeBack(voteId);
  }

  /** Removes and returns the newest vote, or null. Rejects if the server must be asked and does not answer. */
  async pop(): Promise<PastVote | null> {
    const own = this.#stack.pop();
    if (own !== undefined) return own;
    while (this.#older.length === 0 && this.#before !== undefined) await this.#page(this.#before);
    const vote = this.#older.shift();
    if (vote !== undefined) this.#known.add(vote.vote_id);
    return vote ?? null;
  }

  async #page(before: string | null): Promise<void> {
    const { votes, next } = await this.#fetch(before);
    this.#before = next ?? undefined;
    this.#older = votes.flatMap(({ task, vote_id, answer, flags }) =>
      task === null || this.#known.has(vote_id) ? [] : [{ vote_id, task, answer, flags }],
    );
  }

  #takeBack(voteId: string): void {
    this.#known.add(voteId);
    const index = this.#stack.findIndex(({ vote_id }) => vote_id === voteId);
    if (index !== -1) this.#stack.splice(index, 1);
  }
}

function pastVote({ vote_id, answer, flags }: VoteEntry, task: Task): PastVote {
  return { vote_id, task, answer, flags };
}
