import { existsSync } from "node:fs";
import { comfyClient } from "../../comfy/client/client.ts";
import type { Queue } from "../../comfy/client/queue.ts";
import type { SystemStats } from "../../comfy/client/system-stats.ts";
import type { Config } from "../../config/schema.ts";
import { openReadonly, type Db } from "../../db/open.ts";
import { ownPromptIds, serverActivity } from "../../db/queries/jobs/server-activity.ts";
import { findServer } from "../../db/queries/jobs/servers.ts";
import { EXIT, isAbort, messageOf } from "../../errors.ts";
import { oneLine } from "../../lib/terminal/printable.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import type { CommandInput, CommandResult } from "../command.ts";

/** Rates are counted over this long, ms. */
const RATE_WINDOW_MS = 10 * 60_000;
/** Time to wait for a server's answer, ms. The list must not wait long for a dead one. */
const ANSWER_TIMEOUT_MS = 5_000;
const WHY_CHARS = 100;

/** A server as `servers` shows it. */
interface ListedServer {
  readonly url: string;
  /** The known state: up, left alone or drained; or that it does not answer. */
  readonly state: string;
  readonly version: string;
  /** Model of the last job that we sent. */
  readonly model: string;
  readonly ours: number;
  readonly theirs: number;
  readonly vramFreeBytes: number;
  readonly perMinute: number;
  readonly done: number;
  readonly errors: number;
  readonly why: string;
}

/** Asks every server of the configuration, and the database what they did. Exit 1 where one does not answer. */
export async function listServers(config: Config, input: CommandInput): Promise<CommandResult> {
  const db = existsSync(databaseFile(config)) ? openReadonly(databaseFile(config), hintFor(input)) : null;
  try {
    const listed = await Promise.all(config.servers.map((server) => describe(server, db, input)));
    const table = formatTable(listed);
    for (const server of listed) {
      const { vramFreeBytes, perMinute, ...rest } = server;
      input.show({ event: "server", ...rest, vram_free_bytes: vramFreeBytes, per_minute: perMinute }, null);
    }
    input.show({ event: "servers", servers: listed.length, answering: listed.filter((server) => server.version !== "").length }, table);
    return { exit: listed.every((server) => server.version !== "") ? EXIT.done : EXIT.cannotGoOn };
  } finally {
    db?.close();
  }
}

async function describe(server: Config["servers"][number], db: Db | null, input: CommandInput): Promise<ListedServer> {
  const client = comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file });
  const { url } = client;
  const row = db === null ? undefined : findServer(db, url);
  const nowMs = input.clock.nowMs();
  const activity = db === null ? { doneLately: 0, done: 0, errors: 0 } : serverActivity(db, url, nowMs - RATE_WINDOW_MS);
  const known = {
    url,
    model: row?.model ?? "",
    done: activity.done,
    errors: activity.errors,
    perMinute: activity.doneLately / (RATE_WINDOW_MS / 60_000),
  };
  try {
    const signal = AbortSignal.any([input.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    const [stats, queue] = await Promise.all([client.systemStats(signal), client.queue(signal)]);
    return { ...known, ...describeState(row), ...describeAnswer(stats, queue, db) };
  } catch (error) {
    input.signal.throwIfAborted();
    const why = isAbort(error) ? `no answer within ${ANSWER_TIMEOUT_MS / 1_000} s` : messageOf(error);
    return { ...known, state: "does not answer", version: "", ours: 0, theirs: 0, vramFreeBytes: 0, why };
  } finally {
    await client.close();
  }
}

function describeState(row: ReturnType<typeof findServer>): Pick<ListedServer, "state" | "why"> {
  if (row?.wanted === "drain") return { state: "drained", why: "servers resume gives it jobs again" };
  if (row?.state === "latched") return { state: "left alone", why: row.detail ?? "" };
  return { state: "up", why: "" };
}

function describeAnswer({ version, devices }: SystemStats, { running, pending }: Queue, db: Db | null) {
  const promptIds = [...running, ...pending].map((item) => item.promptId);
  const ours = db === null ? 0 : ownPromptIds(db, promptIds).size;
  return {
    version,
    ours,
    theirs: promptIds.length - ours,
    vramFreeBytes: devices[0]?.vramFreeBytes ?? Infinity, // The one that it uses.
  };
}

function formatTable(servers: readonly ListedServer[]): string {
  const head = ["SERVER", "STATE", "COMFYUI", "MODEL", "QUEUE", "VRAM FREE", "RATE", "DONE", "ERRORS", ""];
  const rows = servers.map((server) => [
    server.url,
    server.state,
    server.version || "–",
    server.model || "–",
    server.version === "" ? "–" : `${server.ours} ours, ${server.theirs} others'`,
    server.version === "" || !Number.isFinite(server.vramFreeBytes) ? "–" : `${(server.vramFreeBytes / 1e9).toFixed(1)} GB`,
    `${server.perMinute.toFixed(1)}/min`,
    String(server.done),
    String(server.errors),
    oneLine(server.why, WHY_CHARS),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
