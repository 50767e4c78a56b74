import { randomUUID } from "node:crypto";
import { annotatorQueries, type AnnotatorRow } from "../../src/db/queries/page/annotators.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Answer, EntryResult, Task, VoteEntry } from "../../src/page/api.ts";
import { createComparisonFeed, type ComparisonFeed } from "../../src/page/server/tasks/comparison-feed.ts";
import { readComparisonRules } from "../../src/page/server/tasks/comparison-rules.ts";
import { type Given, createTaskGiver } from "../../src/page/server/tasks/give-tasks.ts";
import { createEntryRecorder } from "../../src/page/server/record-entries.ts";
import { imageId, openTestDataset, type TestDataset } from "./annotated-dataset.ts";

export interface VotingPage extends AsyncDisposable {
  readonly dataset: TestDataset;
  readonly feed: ComparisonFeed;
  /** Scans for new images. */
  scan(): ReturnType<ComparisonFeed["scan"]>;
  /** Adds a prompt with this many images, all final, with scores from the first to the last. */
  addPrompt(name: string, images: number, scores?: readonly number[]): void;
  person(name: string): Person;
  /** Moves the clock forward. */
  pass(ms: number): void;
  /** The next results of `random`, in order. After them it returns 0.5. */
  readonly chance: number[];
  readonly nowMs: () => number;
}

export interface Person {
  readonly row: AnnotatorRow;
  give(count?: number, holding?: readonly string[]): Given;
  /** Returns the next task alone. Fails if there is none. */
  next(): Task;
  vote(task: Task, answer: Answer, more?: Partial<VoteEntry>): EntryResult;
  undo(voteId: string): EntryResult;
}

/** Opens the parts of the page's server on a real database, without HTTP and with its own clock. */
export async function openVotingPage(people: object = {}, annotate: object = {}): Promise<VotingPage> {
  const dataset = await openTestDataset({
    filters: { near_duplicate: 0 },
    ...annotate,
    people: { task: "pair", gold_rate: 0, repeat_rate: 0, ...people },
  });
  const { db, context } = dataset;
  let nowMs = 1_000_000_000_000;
  const clock: Clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const rules = readComparisonRules(context.config);
  const feed = createComparisonFeed(context, rules);
  const secret = Buffer.alloc(32, 1);
  const chance: number[] = [];
  const { gold_rate: gold, repeat_rate: repeat } = context.config.annotate.people;
  const random = (): number => chance.shift() ?? 0.5;
  const giver = createTaskGiver({ db, clock, secret, rates: { gold, repeat }, random, epoch: () => feed.epoch });
  const recorder = createEntryRecorder({ db, clock, secret, rules });
  const annotators = annotatorQueries(db);

  function person(name: string): Person {
    if (annotators.findByName(name) === null) annotators.setToken(name, { role: "annotator", tokenSha256: `token of ${name}`, nowMs });
    const row = annotators.findByName(name)!;
    const record = (entry: Parameters<typeof recorder.record>[1][number]): EntryResult => recorder.record(row, [entry])[0]!;
    const give: Person["give"] = (count = 1, holding = []) => giver.give(row.annotatorId, { holding, count });
    return {
      row,
      give,
      next: () => give().tasks[0] ?? expectTask(name),
      vote: (task, answer, more = {}) =>
        record({ kind: "vote", vote_id: randomUUID(), task_id: task.task_id, answer, flags: {}, ms: 1_000, ...more }),
      undo: (voteId) => record({ kind: "undo", vote_id: voteId }),
    };
  }

  return {
    dataset,
    feed,
    scan: () => feed.scan(new AbortController().signal),
    addPrompt(name, images, scores = []) {
      for (let index = 0; index < images; index++) {
        const id = imageId(`${name}${index}`);
        dataset.addImage(id, { promptKey: `p_${name}` });
        dataset.addInspection(id);
        const score = scores[index];
        if (score !== undefined) dataset.addScore(id, score);
      }
    },
    person,
    pass: (ms) => void (nowMs += ms),
    chance,
    nowMs: () => nowMs,
    [Symbol.asyncDispose]: () => dataset[Symbol.asyncDispose](),
  };
}

function expectTask(name: string): never {
  throw new Error(`there is no task for ${name}`);
}
