import type { Db } from "../../db/open.ts";
import type { AnnotatorRow } from "../../db/queries/page/annotators.ts";
import { assignmentQueries, type AssignmentRow } from "../../db/queries/page/assignments.ts";
import { comparisonQueries } from "../../db/queries/page/comparisons.ts";
import { pageImageQueries } from "../../db/queries/page/page-images.ts";
import type { VoteRow } from "../../db/queries/annotate/votes.ts";
import { pageVoteQueries } from "../../db/queries/page/page-votes.ts";
import type { Clock } from "../../lib/clock.ts";
import { canonicalJson } from "../../lib/exact-json.ts";
import type { EntryResult, RefusedReason, UndoEntry, VoteEntry } from "../api.ts";
import type { ComparisonRules } from "./tasks/comparison-rules.ts";
import { composeTask, mapSlots } from "./tasks/compose-task.ts";
import { LEASE_MS } from "./tasks/give-tasks.ts";
import { settlePrompt, type SettleScope, summarizeOutcome } from "./tasks/settle-prompt.ts";
import { AnswerError, readAnswer, type ReadAnswer, readFlags } from "./read-answer.ts";
import { keptDurationMs } from "../../votes/resolve-vote.ts";

/** The value of `votes.source` for votes that were cast on the page. */
const PAGE_SOURCE = "page";

export interface RecordNeeds {
  readonly db: Db;
  readonly clock: Clock;
  readonly secret: Uint8Array;
  readonly rules: ComparisonRules;
}

type Voter = Pick<AnnotatorRow, "annotatorId" | "name">;

/** Records the votes and undos that people send. */
export interface EntryRecorder {
  /**
   * Records entries in order, in one transaction. An entry that was recorded before is confirmed again. One that can never be accepted is
   * refused, and the others still count.
   */
  record(voter: Voter, entries: readonly (VoteEntry | UndoEntry)[]): readonly EntryResult[];
}

/** Creates the recorder of votes and undos. Each vote also decides whether its comparison has enough. */
export function createEntryRecorder({ db, clock, secret, rules }: RecordNeeds): EntryRecorder {
  const assignments = assignmentQueries(db);
  const comparisons = comparisonQueries(db);
  const votes = pageVoteQueries(db);
  const images = pageImageQueries(db);
  const settle = (scope: SettleScope): void => settlePrompt(scope, { comparisons, votes, rules });

  function vote(voter: Voter, entry: VoteEntry): EntryResult {
    const { vote_id: voteId } = entry;
    const assignment = assignments.find(entry.task_id);
    if (assignment === null || assignment.annotatorId !== voter.annotatorId) {
      return refused(voteId, "unknown-task", "the task was never given to this person");
    }
    const { task_id: taskId, answer, flags, ms } = entry;
    const content = canonicalJson({ answer, flags, ms });
    const before = votes.find(voteId);
    if (before?.annotatorId === voter.annotatorId && before.taskId === taskId && before.entry === content)
      return { kind: "confirmed", vote_id: voteId };
    if (before !== null || votes.isTaken(voteId)) return refused(voteId, "other-vote", "the vote_id belongs to a vote with other content");
    if (votes.hasStanding(taskId)) return refused(voteId, "already-answered", "the task has another vote of this person");
    return write({ voter, assignment, entry, content });
  }

  function write({ voter, assignment, entry, content }: Writing): EntryResult {
    const { taskId, comparison, purpose, promptKey, criterion } = assignment;
    const slots = mapSlots(assignment, secret);
    const nowMs = clock.nowMs();
    try {
      const answer = readAnswer(entry.answer, { slots, task: rules.task });
      const page = { taskId, comparison, annotatorId: voter.annotatorId, purpose, entry: content, outcome: summarizeOutcome(answer) };
      const flags = readFlags(entry.flags, slots);
      votes.insert(toVoteRow(answer, { voter, assignment, entry, flags, nowMs }), { voteId: entry.vote_id, ...page, receivedAtMs: nowMs });
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      return refused(entry.vote_id, "bad-answer", error.message);
    }
    assignments.setState(taskId, { state: "answered", leasedUntilMs: 0 });
    if (purpose === "task") settle({ promptKey, criterion });
    return { kind: "confirmed", vote_id: entry.vote_id };
  }

  function undo(voter: Voter, { vote_id: voteId }: UndoEntry): EntryResult {
    const row = votes.find(voteId);
    const assignment = row === null ? null : assignments.find(row.taskId);
    if (row === null || assignment === null || row.annotatorId !== voter.annotatorId) {
      return refused(voteId, "unknown-vote", "there is no such vote of this person");
    }
    const leasedUntilMs = clock.nowMs() + LEASE_MS;
    if (row.undoneAtMs === null) {
      votes.undo(voteId, clock.nowMs());
      assignments.setState(row.taskId, { state: "leased", leasedUntilMs });
      if (row.purpose === "task") settle(assignment);
    }
    return { kind: "undone", vote_id: voteId, task: composeTask({ ...assignment, leasedUntilMs }, { images, secret }) };
  }

  return {
    record: (voter, entries) =>
      comparisons.inTransaction(() => entries.map((entry) => (entry.kind === "vote" ? vote(voter, entry) : undo(voter, entry)))),
  };
}

interface Writing {
  readonly voter: Voter;
  readonly assignment: AssignmentRow;
  readonly entry: VoteEntry;
  readonly content: string;
}

interface Cast extends Omit<Writing, "content"> {
  readonly flags: ReturnType<typeof readFlags>;
  readonly nowMs: number;
}

function toVoteRow({ kind, ranking }: ReadAnswer, { voter, assignment, entry, flags, nowMs }: Cast): VoteRow {
  const { promptKey, criterion, shown } = assignment;
  return {
    voteId: entry.vote_id,
    promptKey,
    criterion,
    annotator: voter.name,
    shown,
    ranking: JSON.stringify(ranking),
    kind,
    flags: JSON.stringify(flags),
    durationMs: keptDurationMs(entry.ms),
    castAtMs: nowMs,
    source: PAGE_SOURCE,
  };
}

function refused(voteId: string, reason: RefusedReason, message: string): EntryResult {
  return { kind: "refused", vote_id: voteId, reason, message: `Cannot take the vote: ${message}` };
}
