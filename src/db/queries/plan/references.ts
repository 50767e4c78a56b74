import { and, asc, eq, exists, gt, isNotNull, isNull, sql } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { referenceFiles, referencePaths } from "../../schema/tables.ts";

/** An image's content, as the plan found it. */
export interface ReferenceContent {
  /** Hex. */
  readonly sha256: string;
  readonly extension: "png" | "jpg" | "webp";
  readonly bytes: number;
}

/** A file of the plan. */
export interface ReferencePath extends ReferenceContent {
  readonly path: string;
  readonly modifiedAtMs: number;
}

export interface StoredReference extends ReferenceContent {
  readonly key: string;
}

/** Files per transaction: short enough that harvest beside us never waits long. */
const CHUNK_FILES = 1_000;

export type ReferenceQueries = ReturnType<typeof referenceQueries>;

/** Prepares what is asked of reference images. Reads are pages, so that no read transaction stays open beside a night. */
export function referenceQueries({ orm }: Pick<Db, "orm">) {
  const { paths, atPath, pathsOf, find, unstored, stored, findStored, countStored } = prepareReads(orm);
  const { markStored, addFile, addPath } = prepareWrites(orm);

  function addChunk(files: readonly ReferencePath[]): void {
    orm.transaction(
      () => {
        for (const file of files) {
          addFile.run({ ...file });
          addPath.run({ ...file });
        }
      },
      { behavior: "immediate" },
    );
  }

  return {
    /** Files of the last plan after `after`, by path. */
    paths: (afterKey: string, rows: number): readonly ReferencePath[] => paths.all({ after: afterKey, limit: rows }),
    atPath: (file: string): ReferencePath | undefined => atPath.get({ path: file }),
    /** Returns the paths at which the last plan found this content. */
    pathsOf: (of: string): readonly string[] => pathsOf.all({ sha256: of }).map((row) => row.path),
    find: (of: string): ReferenceContent | undefined => find.get({ sha256: of }),
    /** Makes these the files of the plan. What is known of a content stays. */
    replacePaths(files: Iterable<ReferencePath>): void {
      orm.delete(referencePaths).run();
      let chunk: ReferencePath[] = [];
      for (const file of files) {
        chunk.push(file);
        if (chunk.length < CHUNK_FILES) continue;
        addChunk(chunk);
        chunk = [];
      }
      if (chunk.length > 0) addChunk(chunk);
    },
    /** Images of the plan that are not in the store yet, after `after`, by sha256. */
    unstored: (afterKey: string, rows: number): readonly ReferenceContent[] => unstored.all({ after: afterKey, limit: rows }),
    markStored: (of: string, key: string): void => void markStored.run({ sha256: of, key }),
    /** Images in the store after `after`, by sha256. */
    stored: (afterKey: string, rows: number): readonly StoredReference[] => stored.all({ after: afterKey, limit: rows }),
    findStored: (of: string): StoredReference | undefined => findStored.get({ sha256: of }),
    countStored: (): number => countStored.get()?.count ?? 0,
  };
}

function prepareReads(orm: Db["orm"]) {
  const [after, limit] = [sql.placeholder("after"), sql.placeholder("limit")];
  const { sha256, extension, bytes } = referenceFiles;
  const { path, modifiedAtMs } = referencePaths;
  const content = { sha256, extension, bytes };
  const planned = () =>
    orm
      .select({ ...content, path, modifiedAtMs })
      .from(referencePaths)
      .innerJoin(referenceFiles, eq(referencePaths.sha256, sha256));
  const kept = () => orm.select({ ...content, key: sql<string>`${referenceFiles.key}` }).from(referenceFiles);
  const isKept = isNotNull(referenceFiles.key);

  const paths = planned().where(gt(path, after)).orderBy(asc(path)).limit(limit).prepare();
  const atPath = planned()
    .where(eq(path, sql.placeholder("path")))
    .prepare();
  const pathsOf = orm
    .select({ path })
    .from(referencePaths)
    .where(eq(referencePaths.sha256, sql.placeholder("sha256")))
    .orderBy(asc(path))
    .prepare();
  const find = orm
    .select(content)
    .from(referenceFiles)
    .where(eq(sha256, sql.placeholder("sha256")))
    .prepare();
  const isPlanned = exists(
    orm
      .select({ one: sql`1` })
      .from(referencePaths)
      .where(eq(referencePaths.sha256, sha256)),
  );
  const unstored = orm
    .select(content)
    .from(referenceFiles)
    .where(and(isNull(referenceFiles.key), gt(sha256, after), isPlanned))
    .orderBy(asc(sha256))
    .limit(limit)
    .prepare();
  const stored = kept()
    .where(and(isKept, gt(sha256, after)))
    .orderBy(asc(sha256))
    .limit(limit)
    .prepare();
  const findStored = kept()
    .where(and(isKept, eq(sha256, sql.placeholder("sha256"))))
    .prepare();
  const countStored = orm
    .select({ count: sql<number>`count(*)` })
    .from(referenceFiles)
    .where(isKept)
    .prepare();

  return { paths, atPath, pathsOf, find, unstored, stored, findStored, countStored };
}

function prepareWrites(orm: Db["orm"]) {
  const markStored = orm
    .update(referenceFiles)
    .set({ key: sql`${sql.placeholder("key")}` })
    .where(eq(referenceFiles.sha256, sql.placeholder("sha256")))
    .prepare();
  const addFile = orm
    .insert(referenceFiles)
    .values({ sha256: sql.placeholder("sha256"), extension: sql.placeholder("extension"), bytes: sql.placeholder("bytes") })
    .onConflictDoNothing()
    .prepare();
  const addPath = orm
    .insert(referencePaths)
    .values({ path: sql.placeholder("path"), sha256: sql.placeholder("sha256"), modifiedAtMs: sql.placeholder("modifiedAtMs") })
    .prepare();

  return { markStored, addFile, addPath };
}
