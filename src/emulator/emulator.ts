import { emulatorDisk, type EmulatorDisk, type FolderType } from "./files/disk.ts";
import type { TimedRun } from "./execution/executor.ts";
import { faultPlan, type FaultPlan } from "./faults.ts";
import { HISTORY_CAP, type QueueItem } from "./execution/prompt-queue.ts";
import { releaseOf, type Release, type ReleaseName } from "./nodes/releases.ts";
import { startProcess, type ServerProcess } from "./server-process.ts";

export interface EmulatorOptions {
  /** 0, the default: a free one, kept over restarts. */
  readonly port?: number;
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** Time that a prompt takes if it is not cached, ms. @default 0 */
  readonly execMs?: number;
  /** Faults to play; faults.ts has the grammar. */
  readonly faults?: string;
  /** Leaves the text chunks out of PNGs, as ComfyUI's --disable-metadata. */
  readonly disableMetadata?: boolean;
  /** The release that it plays, as recorded. @default 0.3.64 */
  readonly comfy?: ReleaseName;
  /** The largest seed that its nodes take. @default 2^64 - 1 */
  readonly seedMax?: number;
  /** Facts in /system_stats. @default the release's */
  readonly version?: string;
  /**
   * Whose prompt_ids it uses: `any` of the client's (0.3.64), only a `uuid` (newer: others are refused), its `own` (older). @default the
   * release's
   */
  readonly promptIds?: "any" | "uuid" | "own";
  /** Answers /api/jobs, as newer servers do. @default the release's */
  readonly jobsApi?: boolean;
  /** Entries kept in the history. @default 10,001 */
  readonly historyCap?: number;
  readonly checkpoints?: readonly string[];
  /** The files; share one between servers for a common output folder. */
  readonly disk?: EmulatorDisk;
  /** Chooses whom the faults hit. @default 0 */
  readonly seed?: number;
}

/** Counts since the emulator was made, restarts included. */
export interface EmulatorStats {
  /** Requests of POST /prompt, refused ones included. */
  readonly posted: number;
  /** Prompts taken into the queue. */
  readonly submitted: number;
  /** Prompts that ran at least one node. */
  readonly executed: number;
  /** Prompts that were wholly in the node cache. */
  readonly cached: number;
  /** Files saved, temp included. */
  readonly saved: number;
  /** Prompts that ended with an error or were interrupted. */
  readonly errors: number;
  /** Answers of GET /view with an image in it, spoiled ones included. */
  readonly viewed: number;
  /** Time that a prompt ran, ms. */
  readonly busyMs: number;
  /** When the first prompt started and the last one ended, ms since the epoch; null before that. */
  readonly firstStartedAtMs: number | null;
  readonly lastFinishedAtMs: number | null;
}

/** A pretend ComfyUI server. */
export interface Emulator {
  readonly url: string;
  readonly port: number;
  readonly stats: EmulatorStats;
  /** The newest 10,001 prompts that ended: how often each prompt_id really ran nodes. */
  readonly executions: ReadonlyMap<string, number>;
  /** Ends it for good. */
  stop(): Promise<void>;
  /** Acts like kill -9 and a new start on the same port: queue, history, node cache and temp are gone, connections are cut. */
  restart(): Promise<void>;
  /** Acts like kill -9. The server stays down. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Removes a file behind the server's back; false if there is none. */
  deleteFile(filename: string, subfolder: string, type: FolderType): boolean;
  /** Replaces the faults. @throws {ConfigError} */
  setFaults(spec: string): void;
}

const CHECKPOINTS = [
  "v1-5-pruned-emaonly.safetensors",
  "sd_xl_base_1.0.safetensors",
  "dreamshaper_8.safetensors",
  "juggernautXL_v9.safetensors",
];

/**
 * Starts a ComfyUI server without a GPU: real HTTP, WebSocket, queue, history and node cache, painted images.
 * @throws {ConfigError} for faults that are none, FatalError where the port cannot be had.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  return startWith(options, faultPlan(options.faults ?? "", options.seed ?? 0));
}

/** Starts several; given a port, they take it and the next ones. They share their faults, so that a retry elsewhere succeeds. */
export async function startEmulators(count: number, options: EmulatorOptions = {}): Promise<Emulator[]> {
  const plan = faultPlan(options.faults ?? "", options.seed ?? 0);
  const ports = Array.from({ length: count }, (_, index) => (options.port === undefined || options.port === 0 ? 0 : options.port + index));
  const started = await Promise.allSettled(ports.map((port) => startWith({ ...options, port }, plan)));
  const emulators = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const result of started) {
    if (result.status === "fulfilled") continue;
    await Promise.all(emulators.map((emulator) => emulator.stop())); // Those that could start would keep the process alive.
    throw result.reason;
  }
  return emulators;
}

async function startWith(options: EmulatorOptions, plan: FaultPlan): Promise<Emulator> {
  const disk = options.disk ?? emulatorDisk();
  const host = options.host ?? "127.0.0.1";
  const stats: { -readonly [Name in keyof EmulatorStats]: EmulatorStats[Name] } = {
    posted: 0,
    submitted: 0,
    executed: 0,
    cached: 0,
    saved: 0,
    errors: 0,
    viewed: 0,
    busyMs: 0,
    firstStartedAtMs: null,
    lastFinishedAtMs: null,
  };
  const executions = new Map<string, number>();
  const faults = switchableFaults(plan);
  let finished = 0;
  let boots = 0;
  let { port = 0 } = options;

  function onFinished({ promptId }: QueueItem, { ran, success, startedAtMs, finishedAtMs }: TimedRun): void {
    stats.busyMs += finishedAtMs - startedAtMs;
    stats.firstStartedAtMs ??= startedAtMs;
    stats.lastFinishedAtMs = finishedAtMs;
    if (ran > 0) stats.executed++;
    else if (success) stats.cached++;
    if (!success) stats.errors++;
    while (executions.size >= HISTORY_CAP) executions.delete(executions.keys().next().value ?? "");
    executions.set(promptId, (executions.get(promptId) ?? 0) + Number(ran > 0));
    finished++;
    if (faults.current().crashesAfter(finished)) void restart();
  }

  function boot(): Promise<ServerProcess> {
    boots++;
    const release = withSeedMax(releaseOf(options.comfy ?? "0.3.64"), options.seedMax);
    return startProcess({
      release,
      host,
      port,
      execMs: options.execMs ?? 0,
      disableMetadata: options.disableMetadata ?? false,
      version: options.version ?? release.version,
      promptIds: options.promptIds ?? release.promptIds,
      jobsApi: options.jobsApi ?? release.jobsApi,
      historyCap: options.historyCap ?? HISTORY_CAP,
      checkpoints: options.checkpoints ?? CHECKPOINTS,
      disk,
      faults,
      bootId: `${String(port)} ${String(boots)}`,
      onPosted: () => stats.posted++,
      onQueued: () => stats.submitted++,
      onSaved: (files) => (stats.saved += files),
      onViewed: () => stats.viewed++,
      onFinished,
    });
  }

  let process = await boot();
  ({ port } = process);

  async function restart(): Promise<void> {
    await process.kill();
    process = await boot();
  }

  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${String(port)}`,
    port,
    stats,
    executions,
    stop: () => process.kill(),
    kill: () => process.kill(),
    restart,
    async start() {
      await process.kill();
      process = await boot();
    },
    deleteFile: (filename, subfolder, type) => disk.delete({ type, subfolder, filename }),
    setFaults: (spec) => faults.set(faultPlan(spec, options.seed ?? 0)),
  };
}

function withSeedMax(release: Release, max: number | undefined): Release {
  if (max === undefined) return release;
  return { ...release, nodeDefinitions: release.nodeDefinitions.replaceAll('"max": 18446744073709551615', `"max": ${String(max)}`) };
}

/** A plan that can be exchanged while a run is stuck in it. */
function switchableFaults(first: FaultPlan) {
  let plan = first;
  let change = Promise.withResolvers<void>();
  return {
    current: (): FaultPlan => plan,
    set(next: FaultPlan): void {
      plan = next;
      change.resolve();
      change = Promise.withResolvers<void>();
    },
    /** Resolves with the next plan, rejects when `signal` is aborted. */
    async changed(signal: AbortSignal): Promise<void> {
      const aborted = Promise.withResolvers<never>();
      const onAbort = (): void => aborted.reject(new Error("Cannot go on: the server was killed"));
      signal.addEventListener("abort", onAbort, { once: true });
      await Promise.race([change.promise, aborted.promise]).finally(() => signal.removeEventListener("abort", onAbort));
    },
  };
}
