import { createHash } from "node:crypto";
import type { Context } from "../../context.ts";
import type { GroupImageRow, GroupRow } from "../../db/queries/annotate/groups.ts";
import { type FinalGroup, openGroupSources, readGroups } from "./link/read-groups.ts";
import { filterImages } from "./link/filters.ts";
import type { Vote } from "./link/group-facts.ts";

/** One question for a person: which of these images is better? */
export interface VoteTask {
  readonly promptKey: string;
  readonly prompt: string;
  readonly criterion: string;
  /**
   * In the order shown. The order is drawn from the content of the task: it is the same every time, and a position says nothing about
   * quality.
   */
  readonly images: readonly TaskImage[];
}

export interface TaskImage {
  readonly imageId: string;
  /** Store key. */
  readonly key: string;
}

export interface ExportTasksOptions {
  /** `pair` asks about every two images of a prompt. `best` and `rank` ask about all of them at once. */
  readonly task: "pair" | "best" | "rank";
  /** Votes wanted on each task under each criterion. A task that has as many is left out. */
  readonly overlap: number;
  /** Most prompts to ask about, the first that need votes. Infinity for all. */
  readonly promptsMax: number;
}

export type ExportTasksNeeds = Pick<Context, "config" | "db" | "judges">;

/**
 * Lists the tasks that still need votes, from final groups, with the filters of linking. Writes nothing.
 * Reads prompts, jobs, images, inspections, votes.
 */
export function* listVoteTasks({ config, db, judges }: ExportTasksNeeds, options: ExportTasksOptions): Generator<VoteTask> {
  const sources = openGroupSources(db, { config, judges });
  const { groups } = sources;
  let prompts = 0;
  for (const range of groups.ranges()) {
    const rows = new Map(groups.groupsIn(range).map((group) => [group.promptKey, group]));
    for (const group of readGroups(range, sources).final) {
      const row = rows.get(group.promptKey);
      if (row === undefined) continue;
      const tasks = [...tasksOf(group, { row, annotate: config.annotate, options })];
      if (tasks.length === 0) continue;
      yield* tasks;
      if (++prompts >= options.promptsMax) return;
    }
  }
}

interface Asked {
  readonly row: GroupRow;
  readonly annotate: Pick<Context["config"]["annotate"], "criteria" | "filters">;
  readonly options: ExportTasksOptions;
}

/** Lists the tasks of one prompt. */
function* tasksOf(group: FinalGroup, { row, annotate: { criteria, filters }, options: { task, overlap } }: Asked): Generator<VoteTask> {
  const usable = filterImages(group.images, filters).images.flatMap(({ imageId, state }) => (state === "stored" ? [imageId] : []));
  const rowOf = new Map(row.images.map((image) => [image.imageId, image]));
  for (const criterion of criteria) {
    for (const shown of groupImages(usable, task)) {
      if (countVotesOn(group, { criterion, shown }) >= overlap) continue;
      const images = shuffle(shown, criterion).map((imageId) => taskImageOf(rowOf.get(imageId)));
      yield { promptKey: group.promptKey, prompt: row.prompt, criterion, images };
    }
  }
}

function groupImages(images: readonly string[], task: ExportTasksOptions["task"]): readonly (readonly string[])[] {
  if (images.length < 2) return [];
  if (task !== "pair") return [images];
  return images.flatMap((first, index) => images.slice(index + 1).map((second) => [first, second]));
}

/**
 * Counts the votes that showed all of these images and say something about them. Skips, and choices of an image that is filtered out, do
 * not count.
 */
function countVotesOn(
  { votes }: FinalGroup,
  { criterion, shown }: { readonly criterion: string; readonly shown: readonly string[] },
): number {
  const cast = votes.get(criterion) ?? [];
  const says = ({ kind, ranking }: Vote): boolean =>
    kind === "both_bad" || (kind !== "skip" && ranking.some((tier) => tier.some((imageId) => shown.includes(imageId))));
  return cast.filter((vote) => says(vote) && shown.every((imageId) => vote.shown.includes(imageId))).length;
}

function shuffle(images: readonly string[], criterion: string): readonly string[] {
  const lot = (imageId: string): string =>
    createHash("sha256")
      .update(JSON.stringify([...images, criterion, imageId]))
      .digest("hex");
  return images
    .map((imageId) => ({ imageId, lot: lot(imageId) }))
    .toSorted((first, second) => (first.lot < second.lot ? -1 : 1))
    .map(({ imageId }) => imageId);
}

function taskImageOf(row: GroupImageRow | undefined): TaskImage {
  if (row === undefined || row.key === null) throw new Error("a stored image has a key");
  return { imageId: row.imageId, key: row.key };
}
