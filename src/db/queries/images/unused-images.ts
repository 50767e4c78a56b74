import type { Db } from "../../open.ts";
import { SHOWS } from "../export/export-plan.ts";

export interface UnusedImage {
  readonly imageId: string;
  readonly key: string;
  readonly bytes: number;
  /** 1: a prune that was killed may have deleted its object already. */
  readonly wasDeleting: 0 | 1;
}

export interface UnusedFilter {
  /** Only what was stored before, ms since the epoch. */
  readonly storedBeforeMs: number;
  /** Also images of prompts that have no row yet. */
  readonly unpaired: boolean;
}

/** The details that the row of a pruned image has before its object is deleted or tagged, and afterwards. */
const PRUNED = {
  deleted: { before: "nothing used it: being deleted", after: "nothing used it: deleted" },
  expiring: { before: "nothing used it: being tagged", after: "nothing used it: tagged for the bucket's lifecycle rule" },
} as const;

/** SQL: a prune that was killed has begun with image `i` and not ended: its row keeps the key, so that the next prune ends it. */
export const isHalfPruned = (table: "i" | "images"): string =>
  `(${table}.state = 'excluded' and ${table}.key is not null and coalesce(${table}.detail, '') in ('${PRUNED.deleted.before}', '${PRUNED.expiring.before}'))`;

/** SQL: some row of a pair set shows image `i`. */
const IS_LINKED = `exists (select 1 from preferences as p where p.prompt_key = i.prompt_key and ${SHOWS})`;

const CANDIDATES = `from images as i where i.image_id > @after and i.key is not null and i.bytes is not null
    and (i.state = 'stored' or (i.state = 'excluded' and i.reason is not 'pruned') or ${isHalfPruned("i")})
    and (coalesce(i.stored_at_ms, 0) < @storedBeforeMs or ${isHalfPruned("i")})
    and not exists (select 1 from temp.used_images as u where u.image_id = i.image_id)
    and (i.state = 'excluded' or (not ${IS_LINKED}
      and (@unpaired or exists (select 1 from preferences as p where p.prompt_key = i.prompt_key))))`;

type Bound = { readonly after: string; readonly storedBeforeMs: number; readonly unpaired: 0 | 1 };

export type UnusedImages = ReturnType<typeof unusedImages>;

/** Stored images that nothing uses. What exports use is kept in a temporary table, so that memory does not grow with them. */
export function unusedImages({ client }: Pick<Db, "client">) {
  client.exec(`create temp table if not exists used_images (image_id text primary key) without rowid; delete from temp.used_images`);
  const addUsed = client.prepare<[string]>(`insert into temp.used_images (image_id) values (?) on conflict do nothing`);
  const page = client.prepare<[Bound & { limit: number }], UnusedImage>(
    `select i.image_id as imageId, i.key, i.bytes, i.state = 'excluded' and i.detail is '${PRUNED.deleted.before}' as wasDeleting ${CANDIDATES} order by i.image_id limit @limit`,
  );
  const count = client.prepare<[Bound], { images: number; bytes: number }>(
    `select count(*) as images, coalesce(sum(i.bytes), 0) as bytes ${CANDIDATES}`,
  );
  // What the user took out keeps that reason: it says nothing of its prompt any more, as a pruned image does.
  const markPruned = client.prepare<[string, string]>(`
    update images set state = 'excluded', reason = iif(state = 'excluded', coalesce(reason, 'excluded'), 'pruned'), detail = ?
    where image_id = ? and state in ('stored', 'excluded')`);
  const markGone = client.prepare<[string, string]>(`update images set detail = ?, key = null where image_id = ? and state = 'excluded'`);
  const find = client.prepare<[string], { key: string | null; state: string; reason: string | null; detail: string | null }>(
    `select key, state, reason, detail from images where image_id = ?`,
  );
  const bound = (after: string, { storedBeforeMs, unpaired }: UnusedFilter): Bound => ({
    after,
    storedBeforeMs,
    unpaired: unpaired ? 1 : 0,
  });

  return {
    /** These images are in an export. One transaction. */
    addUsed: client.transaction((imageIds: readonly string[]) => {
      for (const imageId of imageIds) addUsed.run(imageId);
    }),
    count: (filter: UnusedFilter) => count.get(bound("", filter)) ?? { images: 0, bytes: 0 },
    /** Unused images after `after`, by image_id. */
    page: (after: string, filter: UnusedFilter, limit: number) => page.all({ ...bound(after, filter), limit }),
    /** Says that these are about to leave the store: no row promises them any more. One transaction. */
    markPruned: client.transaction((images: readonly UnusedImage[], how: keyof typeof PRUNED) => {
      for (const { imageId } of images) markPruned.run(PRUNED[how].before, imageId);
    }).immediate,
    /** Says that they have left it. One transaction. */
    markGone: client.transaction((images: readonly UnusedImage[], how: keyof typeof PRUNED) => {
      for (const { imageId } of images) markGone.run(PRUNED[how].after, imageId);
    }).immediate,
    /** Says whether the database knows the object under a key that names an image. */
    ownerOf(imageId: string, key: string): "known" | "pruned" | "unknown" {
      const row = find.get(imageId);
      if (row === undefined) return "unknown";
      if (row.state === "excluded" && row.detail === PRUNED.expiring.after) return "known";
      if (row.state === "excluded" && (row.reason === "pruned" || row.detail === PRUNED.deleted.after)) return "pruned";
      // Without a key yet it may be this image's: harvest looks before it writes.
      return row.key === null || row.key === key || row.state === "listed" ? "known" : "unknown";
    },
  };
}
