import type { Clock } from "../../../lib/clock.ts";
import { retry, RETRIES } from "../../../lib/retry.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { contentDigest, type VersionContent } from "../versions/content-digest.ts";
import { openPublished, readText, streamPublished } from "../versions/published-file.ts";
import { MANIFEST } from "../make/manifest.ts";
import type { Spool, SpooledFile } from "../make/spool.ts";
import { LATEST } from "../versions/versions.ts";

export interface PublishNeeds {
  readonly store: ObjectStore;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

export type Publisher = ReturnType<typeof publisher>;

/** Creates what copies files of the spool to the place of versions. Each call leaves whole objects only, so that it may end anywhere. */
export function publisher({ store, spool, clock, signal, checkpoint }: PublishNeeds) {
  const retried = <Result>(request: () => Promise<Result>): Promise<Result> => retry(request, { limits: RETRIES.store, clock, signal });

  const isThere = async (key: string, file: SpooledFile): Promise<boolean> => {
    const proven = await store.holds?.(key, file.sizeBytes, () => spool.read(file.path), signal);
    if (typeof proven === "boolean") return proven;
    if ((await store.head(key, signal))?.sizeBytes !== file.sizeBytes) return false;
    using found = await openPublished(store, key, signal);
    return (await found?.sha256()) === file.sha256;
  };

  /** Puts a file. On the same disk as the spool it only gets another name: a copy would cost as much as making it. */
  const put = async (key: string, { path, sizeBytes }: SpooledFile): Promise<void> => {
    if ((await store.putFile?.(key, spool.fileOf(path))) === true) return;
    await store.put(key, spool.read(path), sizeBytes, { contentType: contentTypeOf(path), signal });
  };

  const putText = (key: string, content: string, contentType: string): Promise<void> => {
    const bytes = Buffer.from(content);
    return retried(() => store.put(key, bytes, bytes.length, { contentType, signal }));
  };

  const read = (key: string): Promise<string | null> => retried(() => readText(store, key, signal));

  return {
    /** Reads a small text; null where there is none. */
    read,
    /** Streams a file. @throws {RangeError} where there is none. */
    stream: (key: string): Promise<AsyncIterable<Buffer>> => streamPublished(store, key, signal),
    digest: (content: VersionContent): Promise<string> => retried(() => contentDigest(content)),

    /** Lists the keys of all versions, and what LATEST names. */
    async look(): Promise<{ readonly keys: readonly string[]; readonly latest: string | null }> {
      const keys = await retried(async () => {
        const found: string[] = [];
        for await (const { key } of store.list("", signal)) found.push(key);
        return found;
      });
      return { keys, latest: (await read(LATEST))?.trim() ?? null };
    },

    /** Puts the files of a version. Files of an interrupted export are kept where they are the same, and removed otherwise. */
    async putFiles(version: string, files: readonly SpooledFile[], left: readonly string[]): Promise<void> {
      const present = new Set(left);
      for (const file of files) {
        await checkpoint();
        const key = `${version}/${file.path}`;
        if (present.delete(key) && (await retried(() => isThere(key, file)))) continue;
        await retried(() => put(key, file));
      }
      for (const key of present) await retried(() => store.delete(key, signal));
    },

    putManifest: (version: string, manifest: string): Promise<void> => putText(`${version}/${MANIFEST}`, manifest, "application/json"),
    putLatest: (version: string): Promise<void> => putText(LATEST, `${version}\n`, "text/plain"),
  };
}

function contentTypeOf(path: string): string {
  const types: readonly (readonly [string, string])[] = [
    [".jsonl", "application/jsonl"],
    [".gz", "application/gzip"],
    [".json", "application/json"],
    [".csv", "text/csv"],
    [".md", "text/markdown"],
    [".py", "text/x-python"],
    [".parquet", "application/vnd.apache.parquet"],
    [".tar", "application/x-tar"],
    [".png", "image/png"],
    [".jpg", "image/jpeg"],
    [".webp", "image/webp"],
  ];
  return types.find(([ending]) => path.endsWith(ending))?.[1] ?? "text/plain";
}
