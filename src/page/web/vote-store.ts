import { openDB, type DBSchema } from "idb";
import type { Task, UndoEntry, VoteEntry } from "../api.ts";

/** A vote or undo that the server has not confirmed. */
export interface Unsent {
  readonly entry: VoteEntry | UndoEntry;
  /** The task that was voted on, so that it can be shown again. */
  readonly task: Task;
}

/** Keeps unsent entries across reloads, in order. */
export interface VoteStore {
  /** Returns all entries, oldest first, each with its key. */
  all(): Promise<readonly (readonly [key: number, unsent: Unsent])[]>;
  /** Resolves once the entry is on the disk. */
  add(key: number, unsent: Unsent): Promise<void>;
  remove(keys: readonly number[]): Promise<void>;
}

interface Schema extends DBSchema {
  unsent: { key: number; value: Unsent };
}

/** Opens the database of one annotator of one dataset. What one person did in a browser is never sent under the name of the next. */
export async function openVoteStore(dataset: string, annotator: string): Promise<VoteStore> {
  const db = await openDB<Schema>(`comfy-dpo/${dataset}/${annotator}`, 1, {
    upgrade(fresh) {
      fresh.createObjectStore("unsent");
    },
  });
  return {
    all: async () => {
      const reading = db.transaction("unsent");
      const [keys, values] = await Promise.all([reading.store.getAllKeys(), reading.store.getAll()]);
      return keys.flatMap((key, index) => {
        const unsent = values[index];
        return unsent === undefined ? [] : [[key, unsent] as const];
      });
    },
    add: async (key, unsent) => {
      const writing = db.transaction("unsent", "readwrite", { durability: "strict" });
      await Promise.all([writing.store.put(unsent, key), writing.done]);
    },
    remove: async (keys) => {
      const writing = db.transaction("unsent", "readwrite");
      await Promise.all([...keys.map((key) => writing.store.delete(key)), writing.done]);
    },
  };
}
