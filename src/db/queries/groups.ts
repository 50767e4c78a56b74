import type { Db } from "../open.ts";

// A group is all candidates of one prompt. Jobs that the configuration no longer asks for (`aside`), and prompts that it no longer
// has, do not belong to any. Groups are read in row order, that is in the order of planning: what was written together lies
// together, and reading 200,000 images in the order of their hashed keys takes three times as long.

/** Rows of prompts: above `after`, up to and with `last`. */
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
  /** True while a job of it is still to run. */
  readonly hasOpenJobs: boolean;
  /** True once nothing about it can change by itself: no job still to run, no image still to fetch or to inspect. */
  readonly isFinal: boolean;
  /** In image_id order. */
  readonly images: readonly GroupImageRow[];
}

/** An image with its variant and, where it was inspected and decoded, what was seen. */
export interface GroupImageRow {
  readonly promptKey: string;
  readonly imageId: string;
  /** `pruned`: was stored, and removed because nothing used it. */
  readonly state: "listed" | "stored" | "rejected" | "excluded" | "pruned";
  readonly sha256: string | null;
  readonly key: string | null;
  readonly sizeBytes: number | null;
  readonly variant: string;
  readonly inspected: 0 | 1;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly pixelSha256: string | null;
  readonly perceptualHash: string | null;
  readonly lumaStd: number | null;
  readonly sharpness: number | null;
  readonly entropy: number | null;
}

interface PromptRow {
  readonly row: number;
  readonly promptKey: string;
  readonly prompt: string;
  readonly jobs: number;
  readonly openJobs: number;
}

/** Reads groups a range of prompts at a time. */
export function groupQueries({ client }: Pick<Db, "client">) {
  const rangeEnd = client
    .prepare<[number, number], number | null>(
      `select max(row) from (select rowid as row from prompts where rowid > ? order by rowid limit ?)`,
    )
    .pluck();
  const prompts = client.prepare<[RowRange], PromptRow>(`
    select page.rowid as row, page.prompt_key as promptKey, page.prompt, count(jobs.job) as jobs,
      count(case when jobs.state in ('planned', 'submitted') then 1 end) as openJobs
    from prompts as page left join jobs on jobs.prompt_key = page.prompt_key and jobs.aside = 0
    where page.rowid > @after and page.rowid <= @last and page.active = 1 group by page.rowid`);
  // `cross join`: SQLite keeps the order of the tables, so that the prompts' rows lead.
  const images = client.prepare<[RowRange], GroupImageRow>(`
    select images.prompt_key as promptKey, images.image_id as imageId,
      case when images.state = 'excluded' and images.reason = 'pruned' then 'pruned' else images.state end as state, images.sha256, images.key, images.bytes as sizeBytes,
      jobs.variant, inspections.image_id is not null as inspected, inspections.width as widthPx, inspections.height as heightPx,
      pixel_sha256 as pixelSha256, perceptual_hash as perceptualHash, luma_std as lumaStd, sharpness, entropy
    from prompts as page cross join images on images.prompt_key = page.prompt_key cross join jobs on jobs.job = images.job
      left join inspections on inspections.image_id = images.image_id
    where page.rowid > @after and page.rowid <= @last and page.active = 1 and jobs.aside = 0 order by page.rowid, images.image_id`);

  return {
    /** The next `count` prompts after a row (0 for the first), null at the end. */
    nextRange(after: number, count: number): RowRange | null {
      const last = rangeEnd.get(after, count) ?? null;
      return last === null ? null : { after, last };
    },
    /** Every prompt of a range with its candidates, in row order. */
    groupsIn(range: RowRange): readonly GroupRow[] {
      const byPrompt = Map.groupBy(images.all(range), ({ promptKey }) => promptKey);
      return prompts.all(range).map(({ jobs, openJobs, ...prompt }) => {
        const ofPrompt = byPrompt.get(prompt.promptKey) ?? [];
        const isFinal = jobs > 0 && openJobs === 0 && !ofPrompt.some(isOpen);
        return { ...prompt, hasJobs: jobs > 0, hasOpenJobs: openJobs > 0, isFinal, images: ofPrompt };
      });
    },
  };
}

/** True while an image is still to be fetched or inspected. */
function isOpen({ state, inspected }: GroupImageRow): boolean {
  return state === "listed" || (state === "stored" && inspected === 0);
}
