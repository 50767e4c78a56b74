import { unwatchFile, watchFile, type Stats } from "node:fs";
import type { ComfyPool } from "../comfy/client/pool.ts";
import { loadConfig } from "../config/load-config.ts";
import { ConfigError } from "../errors.ts";
import type { Log } from "../lib/log.ts";

/** Time between two looks at the file, ms. It is polled because editors replace files, and network file systems send no events. */
const POLL_MS = 1_000;

interface WatchServersOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly comfy: Pick<ComfyPool, "update">;
  readonly log: Pick<Log, "info" | "warn" | "event">;
}

/** Takes servers that are added to or removed from the configuration while a run goes on. A file with a mistake in it changes nothing. */
export function watchServers(configFile: string, { env, comfy, log }: WatchServersOptions): { close(): void } {
  const onChange = (now: Stats, before: Stats): void => {
    // An editor that writes a file anew removes it for a moment.
    if (now.mtimeMs === 0 || (now.mtimeMs === before.mtimeMs && now.size === before.size)) return;
    try {
      const { added, removed } = comfy.update(loadConfig(configFile, { env }).servers);
      if (added.length + removed.length === 0) return;
      log.info(`The configuration changed: ${[...added.map((url) => `${url} comes`), ...removed.map((url) => `${url} goes`)].join(", ")}`);
      log.event("servers_changed", { added: [...added], removed: [...removed] });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.warn(`The configuration changed, and the servers stay as they were: ${error.message}`);
    }
  };
  watchFile(configFile, { interval: POLL_MS, persistent: false }, onChange);
  return { close: () => unwatchFile(configFile, onChange) };
}
