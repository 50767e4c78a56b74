import type { Db } from "../../open.ts";
import { isHalfPruned } from "./unused-images.ts";

/** An image in the store, as the database has it. */
export interface StoredImageRow {
  readonly imageId: string;
  readonly key: string;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
}

const COLUMNS = `image_id as imageId, key, sha256, bytes`;

/** SQL: excluded images keep their file, which earlier versions may show, until they are pruned. */
const IS_KEPT = `state in ('stored', 'excluded') and key is not null and not ${isHalfPruned("images")}`;

/** Images in the store, for those who read it again; pages, so that no read transaction stays open beside a night. */
export function storedImages({ client }: Pick<Db, "client">) {
  const page = client.prepare<[string, number], StoredImageRow>(
    `select ${COLUMNS} from images where image_id > ? and ${IS_KEPT} order by image_id limit ?`,
  );
  const count = client.prepare<[], number>(`select count(*) from images where ${IS_KEPT}`).pluck();
  // The casts: better-sqlite3 binds every number as REAL, which divides without rounding down.
  const sample = client.prepare<[{ total: number; count: number }], StoredImageRow>(`
    select imageId, key, sha256, bytes from (
      select ${COLUMNS}, row_number() over (order by image_id) - 1 as place from images where ${IS_KEPT})
    where place = 0 or cast(place * @count / @total as integer) <> cast((place - 1) * @count / @total as integer) order by imageId`);
  const find = client.prepare<[string], StoredImageRow>(`select ${COLUMNS} from images where image_id = ? and state = 'stored'`);
  const findKept = client.prepare<[string], StoredImageRow>(`select ${COLUMNS} from images where image_id = ? and ${IS_KEPT}`);

  return {
    /** Images after `after`, by image_id. */
    page: (after: string, limit: number) => page.all(after, limit),
    count: () => count.get() ?? 0,
    /** `wanted` images spread evenly over all, the same ones each time. Image ids are hashes, so this is a fair sample. */
    sample: (wanted: number) => sample.all({ total: Math.max(1, count.get() ?? 0), count: wanted }),
    /** One that is not excluded. */
    find: (imageId: string) => find.get(imageId),
    findKept: (imageId: string) => findKept.get(imageId),
  };
}
