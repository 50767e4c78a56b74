import type { ComfyClient } from "../../src/comfy/client/client.ts";
import type { ComfyPool } from "../../src/comfy/client/pool.ts";

/** A pool of clients that somebody else opens and closes. */
export function poolOf(clients: ReadonlyMap<string, ComfyClient>, outputDir: string | null = null): ComfyPool {
  return {
    size: clients.size,
    get: (url) => clients.get(url),
    has: (url) => clients.has(url),
    isConfigured: (url) => clients.has(url),
    outputDir: () => outputDir,
    keys: () => clients.keys(),
    values: () => clients.values(),
    update: () => ({ added: [], removed: [] }),
    close: () => Promise.resolve(),
  };
}
