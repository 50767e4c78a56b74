import type { Db } from "../../open.ts";

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

const CONTENT = `f.sha256, f.extension, f.bytes`;
const STORED = `select ${CONTENT}, f.key from reference_files as f where f.key is not null`;

export type ReferenceQueries = ReturnType<typeof referenceQueries>;

/** What is known of the images that prompts come with. Pages, so that no read transaction stays open beside a night. */
export function referenceQueries({ client }: Pick<Db, "client">) {
  const paths = client.prepare<[string, number], ReferencePath>(
    `select ${CONTENT}, p.path, p.modified_at_ms as modifiedAtMs from reference_paths as p join reference_files as f using (sha256)
    where p.path > ? order by p.path limit ?`,
  );
  const path = client.prepare<[string], ReferencePath>(
    `select ${CONTENT}, p.path, p.modified_at_ms as modifiedAtMs from reference_paths as p join reference_files as f using (sha256) where p.path = ?`,
  );
  const pathsOf = client.prepare<[string], string>(`select path from reference_paths where sha256 = ? order by path`).pluck();
  const find = client.prepare<[string], ReferenceContent>(`select ${CONTENT} from reference_files as f where f.sha256 = ?`);
  const addFile = client.prepare<[ReferencePath]>(
    `insert into reference_files (sha256, extension, bytes) values (@sha256, @extension, @bytes) on conflict do nothing`,
  );
  const addPath = client.prepare<[ReferencePath]>(
    `insert into reference_paths (path, sha256, modified_at_ms) values (@path, @sha256, @modifiedAtMs)`,
  );
  const unstored = client.prepare<[string, number], ReferenceContent>(
    `select ${CONTENT} from reference_files as f where f.key is null and f.sha256 > ?
      and exists (select 1 from reference_paths as p where p.sha256 = f.sha256) order by f.sha256 limit ?`,
  );
  const markStored = client.prepare<[{ sha256: string; key: string }]>(`update reference_files set key = @key where sha256 = @sha256`);
  const stored = client.prepare<[string, number], StoredReference>(`${STORED} and f.sha256 > ? order by f.sha256 limit ?`);
  const findStored = client.prepare<[string], StoredReference>(`${STORED} and f.sha256 = ?`);
  const countStored = client.prepare<[], number>(`select count(*) from reference_files where key is not null`).pluck();
  const addChunk = client.transaction((files: readonly ReferencePath[]) => {
    for (const file of files) {
      addFile.run(file);
      addPath.run(file);
    }
  }).immediate;

  return {
    /** Files of the last plan after `after`, by path. */
    paths: (after: string, limit: number) => paths.all(after, limit),
    atPath: (file: string) => path.get(file),
    /** Where the last plan found files of this content. */
    pathsOf: (sha256: string) => pathsOf.all(sha256),
    find: (sha256: string) => find.get(sha256),
    /** Makes these the files of the plan. What is known of a content stays. */
    replacePaths(files: Iterable<ReferencePath>): void {
      client.prepare(`delete from reference_paths`).run();
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
    unstored: (after: string, limit: number) => unstored.all(after, limit),
    markStored: (sha256: string, key: string) => void markStored.run({ sha256, key }),
    /** Images in the store after `after`, by sha256. */
    stored: (after: string, limit: number) => stored.all(after, limit),
    findStored: (sha256: string) => findStored.get(sha256),
    countStored: () => countStored.get() ?? 0,
  };
}
