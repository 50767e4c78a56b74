import { VoteError } from "../raw-vote.ts";
import type { VoteCandidate } from "../vote-format.ts";
import type { RecordPlace } from "./read-records.ts";

/** The votes of one record. A record that is none is one candidate, which says why when it is read. */
export function* candidatesOf(
  { position, number: record }: Pick<RecordPlace, "position" | "number">,
  votes: () => Iterable<VoteCandidate["read"]>,
): Generator<VoteCandidate> {
  try {
    for (const read of votes()) yield { position, record, read };
  } catch (error) {
    if (!(error instanceof VoteError)) throw error;
    yield {
      position,
      record,
      read: () => {
        throw error;
      },
    };
  }
}
