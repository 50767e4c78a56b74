import type { RejectReason } from "../../../errors.ts";
import type { Db } from "../../open.ts";
import type { StoredImage } from "./images.ts";

/** An image made elsewhere that the store has, with what is said of it. */
export interface AdoptedImage extends StoredImage {
  readonly imageId: string;
  readonly job: string;
  readonly promptKey: string;
  readonly prompt: string;
  readonly negative: string;
  /** Canonical JSON of per-prompt values by bound name. */
  readonly bound: string;
  readonly variant: string;
  readonly model: string;
  /** Decimal; -1: unknown. */
  readonly seed: string;
  readonly workflowSha256: string | null;
  /** Canonical JSON. */
  readonly params: string;
  /** The lowest rank stays if an image is described several times. */
  readonly rank: string;
  /** The settings by which it is described. A description by newer settings stays, whatever its rank. */
  readonly rules: string;
  /** ComfyUI's of the run that made it, "" where nothing says. */
  readonly promptId: string;
  readonly server: string;
  readonly nodeId: string;
  readonly batchIndex: number;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/** An image or line that a source offered. */
export interface AdoptedItem {
  readonly item: string;
  readonly source: string;
  readonly fingerprint: string;
}

export interface RefusedFiles {
  readonly reason: string;
  readonly count: number;
  /** One of the details. */
  readonly example: string;
}

export type AdoptionQueries = ReturnType<typeof adoptionQueries>;

/** The statements of adopting, prepared once. */
export function adoptionQueries({ client }: Pick<Db, "client">) {
  const findKnown = client.prepare<[string, string]>(`
    select 1 from adopted_items join images using (image_id) where item = ? and fingerprint = ? and images.state in ('stored', 'excluded')`);
  const findSame = client
    .prepare<[string, string, string], string>(
      `select image_id from images where sha256 = ? and prompt_key = ? and state in ('stored', 'excluded') and image_id <> ? order by image_id limit 1`,
    )
    .pluck();
  const findRank = client.prepare<[string], { rank: string; rules: string; variant: string }>(`
    select rank, rules, jobs.variant from adopted_images join images using (image_id) join jobs using (job) where image_id = ?`);
  const addPrompt = client.prepare(`
    insert into prompts (prompt_key, position, prompt, sent, negative, bound, active, adopted)
    values (@promptKey, -1, @prompt, @prompt, @negative, @bound, 1, 1)
    on conflict (prompt_key) do update set active = 1, adopted = 1, position = case when active = 1 then position else -1 end,
      source_id = case when active = 1 then source_id end, meta = case when active = 1 then meta else '{}' end
    where prompts.adopted = 0 or prompts.active = 0`);
  const addVariant = client.prepare(`
    insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs, model, has_worked)
    values (@variant, '', '', '{}', '{}', '[]', @model, 1) on conflict (variant) do nothing`);
  const dropVariant = client.prepare<{ variant: string }>(`
    delete from variants where variant = @variant and workflow = '' and not exists (select 1 from jobs where jobs.variant = variants.variant)`);
  const putJob = client.prepare(`
    insert into jobs (job, prompt_key, variant, seed, seed_index, position, state, history_deleted, finished_at_ms, adopted)
    values (@job, @promptKey, @variant, @seed, 0, 0, 'done', 1, @storedAtMs, 1)
    on conflict (job) do update set variant = excluded.variant, seed = excluded.seed`);
  const putImage = client.prepare(`
    insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type, state,
      key, sha256, bytes, format, width, height, unproven, stored_at_ms)
    values (@imageId, @job, @promptKey, @promptId, @server, 0, @nodeId, @batchIndex, @filename, @subfolder, @type, 'stored',
      @key, @sha256, @bytes, @format, @width, @height, @unproven, @storedAtMs)
    on conflict (image_id) do update set prompt_id = excluded.prompt_id, server = excluded.server, node_id = excluded.node_id,
      batch_index = excluded.batch_index, filename = excluded.filename, subfolder = excluded.subfolder, type = excluded.type,
      unproven = excluded.unproven`);
  const restore = client.prepare<[string]>(
    `update images set state = 'stored', reason = null, detail = null where image_id = ? and state in ('listed', 'rejected')`,
  );
  const putAdopted = client.prepare(`
    insert into adopted_images (image_id, workflow_sha256, params, rank, rules) values (@imageId, @workflowSha256, @params, @rank, @rules)
    on conflict (image_id) do update set workflow_sha256 = excluded.workflow_sha256, params = excluded.params, rank = excluded.rank,
      rules = excluded.rules`);
  const putItem = client.prepare<[AdoptedItem & { imageId: string | null; reason: string | null; detail: string | null; run: number }]>(`
    insert into adopted_items (item, source, fingerprint, image_id, reason, detail, run)
    values (@item, @source, @fingerprint, @imageId, @reason, @detail, @run)
    on conflict (item) do update set source = excluded.source, fingerprint = excluded.fingerprint, image_id = excluded.image_id,
      reason = excluded.reason, detail = excluded.detail, run = excluded.run`);
  const forget = client.prepare<[string, number]>(`delete from adopted_items where reason is not null and source = ? and run <> ?`);

  const settle = client.transaction((item: AdoptedItem, image: AdoptedImage, run: number): "adopted" | "known" => {
    const { imageId } = image;
    const found = findRank.get(imageId);
    addPrompt.run(image);
    if (found === undefined || image.rules !== found.rules || image.rank < found.rank) {
      addVariant.run(image);
      putJob.run(image);
      putImage.run(image);
      putAdopted.run(image);
      if (found !== undefined && found.variant !== image.variant) dropVariant.run({ variant: found.variant });
    }
    const isBack = restore.run(imageId).changes === 1;
    putItem.run({ ...item, imageId, reason: null, detail: null, run });
    return isBack || found === undefined ? "adopted" : "known";
  });

  return {
    /** True if the item was adopted as it is and its image is still there. */
    isKnown: ({ item, fingerprint }: AdoptedItem) => findKnown.get(item, fingerprint) !== undefined,
    /** An image of this dataset that is the same file under the same prompt, made by itself; undefined where there is none. */
    findSame: ({ sha256, promptKey, imageId }: Pick<AdoptedImage, "sha256" | "promptKey" | "imageId">) =>
      findSame.get(sha256, promptKey, imageId),
    /** The store has confirmed the image. "known": it was there before, of this source or another. One transaction. */
    settle: (item: AdoptedItem, image: AdoptedImage, run: number) => settle.immediate(item, image, run),
    /** The item is an image that this dataset made itself. */
    markSame: (item: AdoptedItem, imageId: string, run: number) => void putItem.run({ ...item, imageId, reason: null, detail: null, run }),
    /** The item is left out, until it is adopted again. */
    refuse: (item: AdoptedItem, refusal: { readonly reason: RejectReason; readonly detail: string; readonly run: number }) =>
      void putItem.run({ ...item, ...refusal, imageId: null }),
    /** A whole adoption has ended: what the source no longer has is no longer refused. */
    forgetOthers: (source: string, run: number) => void forget.run(source, run),
  };
}

/** Files and lines that could not be adopted, by reason, most first. */
export function countRefused({ client }: Pick<Db, "client">): readonly RefusedFiles[] {
  return client
    .prepare<[], RefusedFiles>(
      `select reason, count(*) as count, min(detail) as example from adopted_items where reason is not null
      group by reason order by count desc, reason`,
    )
    .all();
}
