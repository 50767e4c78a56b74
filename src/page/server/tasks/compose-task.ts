import type { AssignmentRow } from "../../../db/queries/page/assignments.ts";
import type { PageImageQueries } from "../../../db/queries/page/page-images.ts";
import type { Task } from "../../api.ts";
import type { Slots } from "../read-answer.ts";
import { deriveSlot } from "../secrets.ts";

/** About three printed pages. */
const TEXT_MAX_CHARS = 10_000;

export interface ComposeNeeds {
  readonly images: PageImageQueries;
  readonly secret: Uint8Array;
}

/** Builds the task that the browser gets for an assignment. Returns null if an image or the prompt is gone. */
export function composeTask(assignment: AssignmentRow, { images: stored, secret }: ComposeNeeds): Task | null {
  const { taskId, criterion, leasedUntilMs, annotatorId } = assignment;
  const shown = stored.prompt(assignment.promptKey);
  if (shown === null) return null;
  const addressOf = (name: string): { slot: string; thumb: string; full: string } => {
    const slot = deriveSlot(secret, { taskId, annotatorId, name });
    return { slot, thumb: `/pictures/${taskId}/${slot}/thumb`, full: `/pictures/${taskId}/${slot}/full` };
  };
  const images = readShownImages(assignment).flatMap((imageId) => {
    const image = stored.image(imageId);
    return image === null ? [] : [{ ...addressOf(imageId), width: image.widthPx, height: image.heightPx }];
  });
  if (images.length < readShownImages(assignment).length) return null;
  const references = readReferences(shown.references).flatMap((sha256) => {
    if (stored.reference(sha256) === null) return [];
    const { thumb, full } = addressOf(sha256);
    return [{ thumb, full }];
  });
  return {
    task_id: taskId,
    criterion,
    prompt: readable(shown.prompt),
    negative: readable(shown.negative),
    images,
    references,
    leased_until_ms: leasedUntilMs,
  };
}

/** Cuts a text to what somebody can be expected to read. A browser keeps eight tasks and every unsent vote with its text. */
function readable(text: string): string {
  if (text.length <= TEXT_MAX_CHARS) return text;
  const shown = text.slice(0, TEXT_MAX_CHARS).replace(/[\ud800-\udbff]$/, ""); // Do not cut a surrogate pair in half.
  return `${shown}… [+${text.length - shown.length}]`;
}

/** Returns slot → image_id for a task. */
export function mapSlots(assignment: Pick<AssignmentRow, "taskId" | "annotatorId" | "shown">, secret: Uint8Array): Slots {
  const { taskId, annotatorId } = assignment;
  return new Map(readShownImages(assignment).map((name) => [deriveSlot(secret, { taskId, annotatorId, name }), name]));
}

/** Returns the image_ids in the order shown. */
export function readShownImages({ shown }: Pick<AssignmentRow, "shown">): readonly string[] {
  return JSON.parse(shown) as string[]; // give-tasks.ts wrote it.
}

/** Returns the sha256 of each reference image once, in the order of the bound names. */
export function readReferences(references: string): readonly string[] {
  const byName = JSON.parse(references) as Record<string, string>; // Planning wrote it: hashes, no integers.
  const sorted = Object.entries(byName).toSorted(([first], [second]) => (first < second ? -1 : 1));
  return [...new Set(sorted.map(([, sha256]) => sha256))];
}
