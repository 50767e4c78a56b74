import type { Db } from "../../open.ts";
import { tableReads, mergeCursor } from "../export/merge-cursor.ts";

// A group is all candidates of one prompt. Inactive jobs and prompts, which the configuration no longer asks for, belong to no group.
// Groups are read in row order, which is the order of planning. Rows that were written together are stored together: reading 200,000
// images in the order of their hashed keys would take three times as long.

/** A range of rowids of prompts: above `after`, up to and including `last`. */
export interface RowRange {
  readonly after: number;
  readonly last: number;
}

export interface GroupRow {
  readonly row: number;
  readonly promptKey: string;
  readonly prompt: string;
  /** False for a prompt that is not planned yet. */
  readonly hasJobs: boolean;
  /** True if a job is still to run. */
  readonly hasOpenJobs: boolean;
  /** True if nothing is left to do: no job to run, no image to fetch or to inspect. */
  readonly isFinal: boolean;
  /** In image_id order. */
  readonly images: readonly GroupImageRow[];
}

/** An image with its variant and the measures of its inspection. */
export interface GroupImageRow extends Measures {
  readonly promptKey: string;
  readonly imageId: string;
  /** `pruned`: it was stored, and removed because nothing used it. */
  readonly state: "listed" | "stored" | "rejected" | "excluded" | "pruned";
  readonly sha256: string | null;
  readonly key: string | null;
  readonly sizeBytes: number | null;
  readonly variant: string;
  readonly inspected: 0 | 1;
}

/** The measures of an inspection. Null if the image was not inspected, or could not be decoded. */
interface Measures {
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly pixelSha256: string | null;
  readonly perceptualHash: string | null;
  readonly lumaStd: number | null;
  readonly sharpness: number | null;
  readonly entropy: number | null;
}

type Inspection = [
  place: number,
  imageId: string,
  widthPx: number | null,
  heightPx: number | null,
  pixelSha256: string | null,
  perceptualHash: string | null,
  lumaStd: number | null,
  sharpness: number | null,
  entropy: number | null,
];

const NOT_INSPECTED: Inspection = [0, "", null, null, null, null, null, null, null];

/** Finds the inspection of an image. */
export type InspectionOf = (imageId: string) => Inspection | undefined;

type PromptRow = Pick<GroupRow, "row" | "promptKey" | "prompt">;

interface GroupJob {
  readonly promptKey: string;
  readonly job: string;
  readonly variant: string;
  readonly isOpen: 0 | 1;
}

/** Prompts read in one go, about 15 ms. */
const PAGE_PROMPTS = 100;

/** Prepares queries that read groups, a range of prompts at a time. */
export function groupQueries({ client }: Pick<Db, "client">) {
  const rangeEnd = client
    .prepare<[number, number], number | null>(
      `select max(row) from (select rowid as row from prompts where rowid > ? order by rowid limit ?)`,
    )
    .pluck();
  const prompts = client.prepare<[RowRange], PromptRow>(`
    select page.rowid as row, page.prompt_key as promptKey, page.prompt from prompts as page
    where page.rowid > @after and page.rowid <= @last and page.active = 1 order by page.rowid`);
  // Jobs of a prompt are stored together; looking up the job of each image would use an index of hashes. With `cross join` SQLite keeps the
  // order of the tables, so that prompts lead.
  const jobs = client.prepare<[RowRange], GroupJob>(`
    select page.prompt_key as promptKey, jobs.job, jobs.variant, jobs.state in ('planned', 'submitted') as isOpen
    from prompts as page cross join jobs on jobs.prompt_key = page.prompt_key
    where page.rowid > @after and page.rowid <= @last and page.active = 1 and jobs.inactive = 0`);
  const images = client.prepare<[RowRange], Omit<GroupImageRow, keyof Measures | "variant" | "inspected"> & { readonly job: string }>(`
    select images.prompt_key as promptKey, images.image_id as imageId, images.job,
      case when images.state = 'excluded' and images.reason = 'pruned' then 'pruned' else images.state end as state, images.sha256, images.key, images.bytes as sizeBytes
    from prompts as page cross join images on images.prompt_key = page.prompt_key
    where page.rowid > @after and page.rowid <= @last and page.active = 1 order by page.rowid, images.image_id`);

  const inspected = "select i.rowid, i.image_id, i.width, i.height, pixel_sha256, perceptual_hash, luma_std, sharpness, entropy";
  const inspectionsInRange = client
    .prepare<[RowRange], Inspection>(
      `${inspected} from prompts as page cross join images on images.prompt_key = page.prompt_key
      cross join inspections as i on i.image_id = images.image_id
      where page.rowid > @after and page.rowid <= @last and page.active = 1`,
    )
    .raw();
  const inspectionPage = client
    .prepare<[number, number], Inspection>(`${inspected} from inspections as i where i.rowid > ? order by i.rowid limit ?`)
    .raw();
  const oneInspection = client.prepare<[string], Inspection>(`${inspected} from inspections as i where image_id = ?`).raw();

  function inspectionsIn(range: RowRange): InspectionOf {
    const byImage = new Map(inspectionsInRange.all(range).map((inspection) => [inspection[1], inspection]));
    return (imageId) => byImage.get(imageId);
  }

  function nextRange(after: number, count: number): RowRange | null {
    const last = rangeEnd.get(after, count) ?? null;
    return last === null ? null : { after, last };
  }

  return {
    /** Opens a cursor over inspections for one pass over all groups in order. It rarely looks up an image by its hash. */
    inspectionCursor: (): InspectionOf => mergeCursor(tableReads(inspectionPage, oneInspection)),
    /** Returns the range of the next `count` prompts after a row (0 for the first). Null at the end. */
    nextRange,
    /** Yields the ranges of all prompts in row order, each read when it is asked for. */
    *ranges(): Generator<RowRange, void> {
      for (let range = nextRange(0, PAGE_PROMPTS); range !== null; range = nextRange(range.last, PAGE_PROMPTS)) yield range;
    },
    /** Reads every prompt of a range with its candidates, in row order. */
    groupsIn(range: RowRange, inspectionOf: InspectionOf = inspectionsIn(range)): readonly GroupRow[] {
      const jobsByPrompt = Map.groupBy(jobs.all(range), ({ promptKey }) => promptKey);
      const imagesByPrompt = Map.groupBy(images.all(range), ({ promptKey }) => promptKey);
      return prompts.all(range).map((prompt) => {
        const own = jobsByPrompt.get(prompt.promptKey) ?? [];
        const variants = new Map(own.map(({ job, variant }) => [job, variant]));
        // Images of inactive jobs belong to no group.
        const ofPrompt = (imagesByPrompt.get(prompt.promptKey) ?? []).flatMap(({ job, ...image }): GroupImageRow[] => {
          const variant = variants.get(job);
          return variant === undefined ? [] : [withMeasures({ ...image, variant }, inspectionOf(image.imageId))];
        });
        const hasOpenJobs = own.some((job) => job.isOpen === 1);
        const isFinal = own.length > 0 && !hasOpenJobs && !ofPrompt.some(isOpen);
        return { ...prompt, hasJobs: own.length > 0, hasOpenJobs, isFinal, images: ofPrompt };
      });
    },
  };
}

function withMeasures(image: Omit<GroupImageRow, keyof Measures | "inspected">, inspection: Inspection | undefined): GroupImageRow {
  const [, , widthPx, heightPx, pixelSha256, perceptualHash, lumaStd, sharpness, entropy] = inspection ?? NOT_INSPECTED;
  const inspected = inspection === undefined ? 0 : 1;
  return { ...image, inspected, widthPx, heightPx, pixelSha256, perceptualHash, lumaStd, sharpness, entropy };
}

/** Returns true if an image is still to be fetched or inspected. */
function isOpen({ state, inspected }: GroupImageRow): boolean {
  return state === "listed" || (state === "stored" && inspected === 0);
}
