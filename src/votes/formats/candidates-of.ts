import { VoteError } from "../raw-vote.ts";
import type { VoteCandidate } from "../vote-format.ts";

/** The votes of one record. A record that is none is one candidate, which says why when it is read. */
export function* candidatesOf(position: number, votes: () => Iterable<VoteCandidate["read"]>): Generator<VoteCandidate> {
  try {
    for (const read of votes()) yield { position, read };
  } catch (error) {
    if (!(error instanceof VoteError)) throw error;
    yield {
      position,
      read: () => {
        throw error;
      },
    };
  }
}
