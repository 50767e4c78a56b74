import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { ListedObject, ObjectStore } from "../../stores/object-store.ts";

/** A store that forgets everything with the process: harvest works into it as into any other. */
export function memoryStore(): ObjectStore {
  const objects = new Map<string, Buffer>();
  const uriOf = (key: string): string => `memory:${key}`;
  // A copy: harvest uses the memory of what it stored again.
  const read = async (body: Uint8Array | Readable): Promise<Buffer> => (body instanceof Uint8Array ? Buffer.from(body) : buffer(body));
  return {
    uri: "memory:",
    uriOf,
    async putNew(key, body) {
      if (objects.has(key)) {
        if (!(body instanceof Uint8Array)) body.destroy();
        return "exists";
      }
      objects.set(key, await read(body));
      return "created";
    },
    async put(key, body) {
      objects.set(key, await read(body));
    },
    head: (key) => {
      const found = objects.get(key);
      return Promise.resolve(found === undefined ? null : { sizeBytes: found.length, uri: uriOf(key) });
    },
    get: (key) => {
      const found = objects.get(key);
      return Promise.resolve(found === undefined ? null : Readable.from([found], { objectMode: false }));
    },
    delete: (key) => {
      objects.delete(key);
      return Promise.resolve();
    },
    async *list(prefix): AsyncGenerator<ListedObject> {
      for (const [key, bytes] of objects) if (key.startsWith(prefix)) yield { key, sizeBytes: bytes.length, modifiedAtMs: 0 };
    },
    close: () => Promise.resolve(),
  };
}
