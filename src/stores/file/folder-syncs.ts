import { open } from "node:fs/promises";
import { fileError } from "./file-errors.ts";

interface UnderWay {
  readonly now: Promise<void>;
  /** Begins when `now` is over. */
  next: Promise<void> | undefined;
}

/**
 * Flushes folders to the disk, so that a power cut takes no new name away again. Who asks while a flush of the folder is under way, which
 * may have begun before their name was there, shares the one after it. Windows has no such call on folders and needs none.
 */
export function folderSyncs(sync: (folder: string) => Promise<void> = syncFolder): (folder: string) => Promise<void> {
  const underWay = new Map<string, UnderWay>();

  function start(folder: string): Promise<void> {
    const entry: UnderWay = {
      now: sync(folder).finally(() => {
        if (entry.next === undefined) underWay.delete(folder);
      }),
      next: undefined,
    };
    underWay.set(folder, entry);
    return entry.now;
  }

  return (folder) => {
    const current = underWay.get(folder);
    if (current === undefined) return start(folder);
    const again = (): Promise<void> => start(folder);
    return (current.next ??= current.now.then(again, again));
  };
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  try {
    await using handle = await open(folder, "r");
    await handle.sync();
  } catch (error) {
    throw fileError(error, `write to ${folder}`);
  }
}
