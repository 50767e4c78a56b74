import type { Db } from "../../open.ts";

export interface VotesCast {
  /** That count: not undone, by nobody who is excluded. */
  readonly votes: number;
  readonly annotators: number;
  /** Prompts with a vote. */
  readonly prompts: number;
}

/** What people have said so far, skips among it. */
export function votesCast({ client }: Pick<Db, "client">): VotesCast {
  const counted = client
    .prepare<[], VotesCast>(
      `select count(*) as votes, count(distinct annotator) as annotators, count(distinct prompt_key) as prompts from counted_votes`,
    )
    .get();
  return counted ?? { votes: 0, annotators: 0, prompts: 0 };
}
