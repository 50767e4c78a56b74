import { comfyClient, type ComfyClient, type ComfyClientOptions } from "./client.ts";
import { readCa } from "../connection/connection.ts";

export type PoolServer = Pick<ComfyClientOptions, "url" | "headers"> & {
  readonly ca_file: string | null;
  readonly output_dir: string | null;
};

/** The servers of the configuration, which may change while a run goes on. */
export interface ComfyPool {
  /** Servers that the configuration names now. */
  readonly size: number;
  get(url: string): ComfyClient | undefined;
  /** Also of servers that left the configuration: their images may still be fetched. */
  has(url: string): boolean;
  isConfigured(url: string): boolean;
  /** The server's output folder on this machine; null where there is none. */
  outputDir(url: string): string | null;
  keys(): Iterable<string>;
  values(): Iterable<ComfyClient>;
  /** Takes another list of servers. A server whose headers or certificates changed gets a new client. Answers who came and who left. */
  update(servers: readonly PoolServer[]): { readonly added: readonly string[]; readonly removed: readonly string[] };
  close(): Promise<void>;
}

interface Member {
  readonly client: ComfyClient;
  /** The entry of the configuration that it was made of. */
  readonly made: string;
  isConfigured: boolean;
  outputDir: string | null;
}

export function openComfyPool(servers: readonly PoolServer[]): ComfyPool {
  const members = new Map<string, Member>();
  /** Clients that were replaced: requests may still be under way. */
  const replaced: ComfyClient[] = [];

  function update(wanted: readonly PoolServer[]): ReturnType<ComfyPool["update"]> {
    // First all that may be refused: a mistake changes nothing.
    const made = wanted.map(({ url, headers, ca_file: caFile, output_dir: outputDir }) => {
      readCa(caFile);
      return { fresh: comfyClient({ url, headers, caFile }), from: JSON.stringify([url, headers, caFile]), outputDir };
    });
    const added: string[] = [];
    const before = new Set([...members].filter(([, member]) => member.isConfigured).map(([url]) => url));
    for (const member of members.values()) member.isConfigured = false;
    for (const { fresh, from, outputDir } of made) {
      const known = members.get(fresh.url);
      if (known?.made === from) {
        known.isConfigured = true;
        known.outputDir = outputDir;
        replaced.push(fresh);
        continue;
      }
      if (known !== undefined) replaced.push(known.client);
      members.set(fresh.url, { client: fresh, made: from, isConfigured: true, outputDir });
      if (!before.has(fresh.url)) added.push(fresh.url);
    }
    for (const [url, member] of members) if (member.isConfigured && !before.has(url) && !added.includes(url)) added.push(url);
    return { added, removed: [...before].filter((url) => members.get(url)?.isConfigured === false) };
  }

  update(servers);
  return {
    get size() {
      return [...members.values()].filter((member) => member.isConfigured).length;
    },
    get: (url) => members.get(url)?.client,
    has: (url) => members.has(url),
    isConfigured: (url) => members.get(url)?.isConfigured === true,
    outputDir: (url) => members.get(url)?.outputDir ?? null,
    keys: () => members.keys(),
    values: () => [...members.values()].map((member) => member.client),
    update,
    async close() {
      await Promise.all([...replaced, ...[...members.values()].map((member) => member.client)].map((client) => client.close()));
    },
  };
}
