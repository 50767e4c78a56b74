import type { Db } from "../../../db/open.ts";
import { type AssignmentQueries, type AssignmentRow, assignmentQueries, type Purpose } from "../../../db/queries/page/assignments.ts";
import { comparisonQueries } from "../../../db/queries/page/comparisons.ts";
import { type PageImageQueries, pageImageQueries } from "../../../db/queries/page/page-images.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Task } from "../../api.ts";
import { composeTask, readShownImages } from "./compose-task.ts";
import { createQueueReader, type QueueCandidate } from "./queue-reader.ts";
import { createTaskId } from "../secrets.ts";

/** Duration of a lease, ms: longer than anybody looks at one comparison, and short for those who wait for it. */
export const LEASE_MS = 10 * 60_000;
/** Tasks that one person may hold: what browsers load ahead, in a few tabs. */
const HELD_MAX = 20;
/** Reads of the queue for one request. Another one follows only if images of the one before are gone. */
const READS_MAX = 10;
/** A repeat comes this many own votes later, when the image is no longer fresh in mind, and from no further back than REPEAT_WITHIN. */
const REPEAT_AFTER = 20;
const REPEAT_WITHIN = 500;

export interface GiveNeeds {
  readonly db: Db;
  readonly clock: Clock;
  readonly secret: Uint8Array;
  readonly rates: { readonly gold: number; readonly repeat: number };
  /** Returns a number from 0 up to 1. It decides positions, gold and repeats. */
  readonly random: () => number;
  /** Increases when the queue may have new rows in front of where somebody reads. */
  readonly epoch: () => number;
}

export interface Given {
  readonly tasks: readonly Task[];
  readonly gone: readonly string[];
}

/** Gives people comparisons that nobody else is working on. */
export interface TaskGiver {
  /**
   * Renews held leases and gives more tasks.
   * @param asked `holding`: task_ids that stay with this person. `count`: how many more are wanted.
   */
  give(annotatorId: number, asked: { readonly holding: readonly string[]; readonly count: number }): Given;
}

/** Creates the giver of tasks: held ones, gold, repeats, and the next comparisons of the queue. */
export function createTaskGiver({ db, clock, secret, rates, random, epoch }: GiveNeeds): TaskGiver {
  const assignments = assignmentQueries(db);
  const comparisons = comparisonQueries(db);
  const images = pageImageQueries(db);
  const queue = createQueueReader({ assignments, clock, epoch, leaseMs: LEASE_MS });

  /** Returns null if its images are gone; the comparison is then void. */
  function assign(annotatorId: number, row: QueueCandidate, purpose: Purpose): Task | null {
    const taskId = createTaskId();
    const leasedUntilMs = clock.nowMs() + LEASE_MS;
    const shown = JSON.stringify(shuffle(row.images, random));
    const comparison = comparisons.find(row.comparison);
    if (comparison === null) return null;
    const assignment: Omit<AssignmentRow, "promptKey" | "criterion"> = {
      taskId,
      comparison: row.comparison,
      annotatorId,
      purpose,
      shown,
      state: "leased",
      leasedUntilMs,
    };
    const task = composeTask({ ...assignment, promptKey: comparison.promptKey, criterion: comparison.criterion }, { images, secret });
    if (task === null) comparisons.settle({ ...comparison, state: "void" });
    else assignments.insert(assignment);
    return task;
  }

  /** Gives a gold task or a repeat by chance. They look like all others. */
  function giveGoldOrRepeat(annotatorId: number): Task | null {
    if (random() < rates.gold) {
      const gold = assignments.freshGold(annotatorId);
      if (gold !== null) return assign(annotatorId, gold, "gold");
    }
    if (random() < rates.repeat) {
      const again = assignments.repeatable(annotatorId, { skip: REPEAT_AFTER, limit: REPEAT_WITHIN });
      if (again !== null) return assign(annotatorId, again, "repeat");
    }
    return null;
  }

  return {
    give: (annotatorId, { holding, count }) =>
      comparisons.inTransaction(() => {
        const { again, kept } = renewHeld(
          annotatorId,
          { holding: new Set(holding), count, nowMs: clock.nowMs() },
          { assignments, images, secret },
        );
        const tasks = [...again];
        const room = Math.min(count, HELD_MAX - kept.size + again.length);
        for (let place = tasks.length; place < room; place++) {
          const task = giveGoldOrRepeat(annotatorId);
          if (task !== null) tasks.push(task);
        }
        for (let read = 0; read < READS_MAX && tasks.length < room; read++) {
          const rows = queue.next(annotatorId, room - tasks.length);
          if (rows.length === 0) break;
          for (const row of rows) {
            const task = assign(annotatorId, row, "task");
            if (task !== null) tasks.push(task);
          }
        }
        return { tasks, gone: holding.filter((taskId) => !kept.has(taskId)) };
      }),
  };
}

interface Held {
  readonly holding: ReadonlySet<string>;
  readonly count: number;
  readonly nowMs: number;
}

interface HeldNeeds {
  readonly assignments: AssignmentQueries;
  readonly images: PageImageQueries;
  readonly secret: Uint8Array;
}

/** Renews the leases that a person still holds, and returns again the tasks that their browser has lost. */
function renewHeld(
  annotatorId: number,
  { holding, count, nowMs }: Held,
  { assignments, images, secret }: HeldNeeds,
): { again: Task[]; kept: Set<string> } {
  // Images may be excluded or pruned while somebody has them.
  const isThere = (row: AssignmentRow): boolean => readShownImages(row).every((imageId) => images.image(imageId) !== null);
  const again: Task[] = [];
  const kept = new Set<string>();
  const leasedUntilMs = nowMs + LEASE_MS;
  for (const row of assignments.listHeld({ annotatorId, nowMs, leaseEndMs: leasedUntilMs })) {
    const isHeld = holding.has(row.taskId);
    if (row.isWanted === 0 || (!isHeld && again.length >= count) || !isThere(row)) continue;
    const task = isHeld ? null : composeTask({ ...row, leasedUntilMs }, { images, secret });
    if (!isHeld && task === null) continue;
    assignments.setState(row.taskId, { state: "leased", leasedUntilMs });
    kept.add(row.taskId);
    if (task !== null) again.push(task);
  }
  return { again, kept };
}

/** Shuffles a JSON array of image_ids. */
function shuffle(images: string, random: () => number): string[] {
  const left = JSON.parse(images) as string[]; // The feed wrote it.
  const order: string[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
