import type { Db } from "../../open.ts";
import { isHalfPruned } from "./unused-images.ts";

/** Conditions on images; null: none. All must hold. */
export interface ImageFilter {
  readonly imageIds: readonly string[] | null;
  /** prompt_key, the user's own id, or the text. */
  readonly prompt: string | null;
  /** A name stands for all that its lists expanded to. */
  readonly variant: string | null;
  readonly server: string | null;
  /** Images whose run may have overlapped this time, ms since the epoch; the end is not in it. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** Why it was excluded. */
  readonly reason: string | null;
}

/** `excludable`: in the store, or still to be fetched. `excluded`: taken out by the user. `both`: either. */
export type Wanted = "excludable" | "excluded" | "both";

/** A kind of thing that an image can be chosen by. */
export type FilterName = "image" | "prompt" | "variant" | "server";

export interface ChosenCounts {
  readonly images: number;
  readonly prompts: number;
  readonly stored: number;
  /** Made, and still to be fetched. */
  readonly listed: number;
  readonly excluded: number;
  /** Linked rows, of all pair sets, that show one of them. */
  readonly rows: number;
}

export interface ExcludedReason {
  readonly reason: string;
  readonly images: number;
  /** Those no longer in the store, which cannot come back. */
  readonly gone: number;
  /** Those replaced by images that were made again, or will be. */
  readonly replaced: number;
}

/** SQL: excluded by the user, not by pruning. */
const BY_USER = `(i.state = 'excluded' and i.reason is not 'pruned')`;
/** SQL: likewise, and not made again since. */
const STILL_OUT = `(${BY_USER} and i.replaced = 0)`;
const STATES: Readonly<Record<Wanted, string>> = {
  excludable: `i.state in ('stored', 'listed')`,
  excluded: STILL_OUT,
  both: `(i.state in ('stored', 'listed') or ${STILL_OUT})`,
};

/** SQL: the image is of its job's newest attempt, so that the job's times are its own. */
const IS_NEWEST = `jobs.attempt = i.attempt`;
/** SQL: between these two it was made, as far as the database knows. */
const MADE_FROM = `coalesce(iif(${IS_NEWEST}, coalesce(jobs.submitted_at_ms, jobs.finished_at_ms), null), i.stored_at_ms)`;
const MADE_UNTIL = `coalesce(iif(${IS_NEWEST}, jobs.finished_at_ms, null), i.stored_at_ms)`;

const CONDITIONS: readonly (readonly [keyof ImageFilter, string])[] = [
  ["imageIds", `i.image_id in (select value from json_each(@imageIds))`],
  ["prompt", `i.prompt_key in (select prompt_key from prompts where prompt_key = @prompt or source_id = @prompt or prompt = @prompt)`],
  ["variant", `(jobs.variant = @variant or substr(jobs.variant, 1, length(@variant) + 1) = @variant || '/')`],
  ["server", `i.server = @server`],
  ["sinceMs", `${MADE_UNTIL} >= @sinceMs`],
  ["untilMs", `${MADE_FROM} < @untilMs`],
  ["reason", `i.reason = @reason`],
];

/** SQL: an image can be made again: it is a candidate of the configuration, and ran here. */
const REMAKEABLE = `jobs.adopted = 0 and jobs.inactive = 0`;

const OF_PROMPT = `prompt_key = (select prompt_key from images where image_id = @imageId)`;

/** SQL: the page looks again at what it asks about the prompt: an image came or went. */
const LOOK_AGAIN = `update page_prompts set rules = '' where ${OF_PROMPT}`;

/** Returns SQL for the images that a filter and a state hold for. */
function selectImages(filter: ImageFilter, state: string): string {
  const asked = CONDITIONS.filter(([name]) => filter[name] !== null).map(([, condition]) => condition);
  return `from images as i join jobs using (job) where ${[state, ...asked].join(" and ")}`;
}

const toParameters = (filter: ImageFilter) => ({ ...filter, imageIds: JSON.stringify(filter.imageIds) });

export type ExcludedImages = ReturnType<typeof excludedImages>;

/**
 * Taking images out of all later links and exports, and back. What was chosen is in a temporary table, so that memory does not grow with
 * it.
 */
export function excludedImages({ client }: Pick<Db, "client">) {
  client.exec(`create temp table if not exists chosen_images (image_id text primary key) without rowid`);
  const counts = client.prepare<[], ChosenCounts>(`
    select count(*) as images, count(distinct prompt_key) as prompts, coalesce(sum(state = 'stored'), 0) as stored,
      coalesce(sum(state = 'listed'), 0) as listed, coalesce(sum(state = 'excluded'), 0) as excluded, (select count(*) from (
        select place from preferences where chosen in (select image_id from temp.chosen_images)
        union select place from preference_rejected where image_id in (select image_id from temp.chosen_images))) as rows
    from temp.chosen_images join images using (image_id)`);
  const page = client
    .prepare<[string, number], string>(`select image_id from temp.chosen_images where image_id > ? order by image_id limit ?`)
    .pluck();
  const exclude = client.prepare<[string, string]>(
    `update images set state = 'excluded', reason = ?, detail = null where image_id = ? and state in ('stored', 'listed')`,
  );
  const restoreStored = client.prepare<[string]>(
    `update images set state = 'stored', reason = null, detail = null where image_id = ? and state = 'excluded' and key is not null and replaced = 0
      and not ${isHalfPruned("images")}`,
  );
  // What was never fetched waits for harvest again, unless its job has run since: then that run's image is wanted.
  const restoreListed = client.prepare<[string]>(`
    update images set state = 'listed', reason = null, detail = null, bad_fetches = 0
    where image_id = ? and state = 'excluded' and detail is null and replaced = 0
      and exists (select 1 from jobs where jobs.job = images.job and jobs.prompt_id = images.prompt_id and jobs.state = 'done')`);
  const lookAgain = client.prepare<{ imageId: string }>(LOOK_AGAIN);
  const changed = (imageId: string, changes: number): number => {
    if (changes > 0) lookAgain.run({ imageId });
    return changes;
  };
  const list = client.prepare<[], ExcludedReason>(`
    select i.reason, count(*) as images, coalesce(sum(i.key is null and i.detail is not null and i.replaced = 0), 0) as gone,
      coalesce(sum(i.replaced), 0) as replaced
    from images as i where ${BY_USER} group by i.reason order by images desc, i.reason`);

  return {
    /** Chooses the images that a filter holds for. */
    choose(filter: ImageFilter, wanted: Wanted): void {
      client.exec(`delete from temp.chosen_images`);
      client.prepare(`insert into temp.chosen_images select i.image_id ${selectImages(filter, STATES[wanted])}`).run(toParameters(filter));
    },
    /** Returns how many images a filter holds for that stay out because they are made again. */
    countReplaced: (filter: ImageFilter): number =>
      Number(
        client
          .prepare(`select count(*) ${selectImages(filter, `i.replaced = 1`)}`)
          .pluck()
          .get(toParameters(filter)),
      ),
    counts: (): ChosenCounts => counts.get() ?? { images: 0, prompts: 0, stored: 0, listed: 0, excluded: 0, rows: 0 },
    /** Chosen images after `after`, by image_id. */
    page: (after: string, limit: number): readonly string[] => page.all(after, limit),
    /** Takes out what is stored or listed; what is out already keeps its reason. Returns how many. One transaction. */
    exclude: client.transaction((imageIds: readonly string[], reason: string): number =>
      imageIds.reduce((sum, imageId) => sum + changed(imageId, exclude.run(reason, imageId).changes), 0),
    ).immediate,
    /** Brings back what still is in the store or at its server. Returns how many. One transaction. */
    restore: client.transaction((imageIds: readonly string[]): number =>
      imageIds.reduce(
        (sum, imageId) => sum + changed(imageId, restoreStored.run(imageId).changes || restoreListed.run(imageId).changes),
        0,
      ),
    ).immediate,
    /** Counts excluded images by reason. */
    list: (): readonly ExcludedReason[] => list.all(),
    remake: remaking(client),
  };
}

/** Images whose candidates are run again. The old image keeps its row and file, for the versions that show it. */
function remaking(client: Db["client"]) {
  const from = `from temp.chosen_images join images as i using (image_id) join jobs using (job) where ${REMAKEABLE}`;
  const candidates = client
    .prepare<[string, number], string>(`select i.image_id ${from} and i.image_id > ? order by i.image_id limit ?`)
    .pluck();
  const count = client.prepare<[], number>(`select count(*) ${from}`).pluck();
  const replace = client.prepare<{ imageId: string; reason: string }>(`
    update images set state = 'excluded', reason = iif(state = 'excluded', reason, @reason), replaced = 1
    where image_id = @imageId and sha256 is not null`);
  const statements = [
    LOOK_AGAIN,
    // Until its group is final again nobody looks at the prompt, and people would go on comparing the image that is out.
    `update comparisons set state = 'void'
      where kind = 'task' and ${OF_PROMPT} and exists (select 1 from json_each(images) where value = @imageId)`,
    `update jobs set state = 'planned', reason = null, detail = null, failures = 0, free_first = 1, history_deleted = 0, finished_at_ms = null
      where job = (select job from images where image_id = @imageId) and state in ('done', 'failed')`,
    `delete from job_failures where job = (select job from images where image_id = @imageId)`,
    // All rows of the prompt: its group is no longer final.
    `delete from preferences where ${OF_PROMPT}`,
    // It was never stored, so that no version shows it: the next run lists it again.
    `delete from images where image_id = @imageId and sha256 is null`,
  ].map((sql) => client.prepare<{ imageId: string }>(sql));

  return {
    count: (): number => count.get() ?? 0,
    /** Returns up to `limit` of the chosen images that can be made again, after `after`, by image_id. */
    page: (after: string, limit: number): readonly string[] => candidates.all(after, limit),
    /** Marks these images as replaced and plans their jobs again. One transaction. */
    plan: client.transaction((imageIds: readonly string[], reason: string): void => {
      for (const imageId of imageIds) {
        replace.run({ imageId, reason });
        for (const statement of statements) statement.run({ imageId });
      }
    }).immediate,
  };
}

/** Names that a filter may mean and nothing has, with what there is: for "did you mean". Null where all is known. */
export function unknownName(
  { client }: Pick<Db, "client">,
  { imageIds, prompt, variant, server }: ImageFilter,
): { readonly what: FilterName; readonly name: string; readonly known: readonly string[] } | null {
  const hasImage = client.prepare<[string]>(`select 1 from images where image_id = ?`);
  const missing = imageIds?.find((imageId) => hasImage.get(imageId) === undefined);
  if (missing !== undefined) return { what: "image", name: missing, known: [] };
  const hasPrompt = client.prepare<[{ prompt: string | null }]>(
    `select 1 from prompts where prompt_key = @prompt or source_id = @prompt or prompt = @prompt limit 1`,
  );
  if (prompt !== null && hasPrompt.get({ prompt }) === undefined) return { what: "prompt", name: prompt, known: [] };
  const variants = variant === null ? [] : client.prepare<[], string>(`select variant from variants order by variant`).pluck().all();
  if (variant !== null && !variants.some((known) => known === variant || known.startsWith(`${variant}/`)))
    return { what: "variant", name: variant, known: variants };
  const servers =
    server === null ? [] : client.prepare<[], string>(`select server from images union select url from servers order by 1`).pluck().all();
  return server === null || servers.includes(server) ? null : { what: "server", name: server, known: servers };
}
