import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { EmulatorDisk } from "./files/disk.ts";
import { executor, type TimedRun } from "./execution/executor.ts";
import type { FaultPlan } from "./faults.ts";
import type { HttpExchange } from "./http/http-exchange.ts";
import { messageHub } from "./message-hub.ts";
import { nodeClasses } from "./nodes/node-classes.ts";
import { promptQueue, type QueueItem } from "./execution/prompt-queue.ts";
import { promptRoute } from "./http/prompt-route.ts";
import type { Release } from "./nodes/releases.ts";
import { answer, queueInfo } from "./http/routes.ts";
import { acceptWebSocket } from "./http/websocket.ts";
import { dict, type PyDict } from "./python-json.ts";

export interface ComfyOptions {
  readonly execMs: number;
  readonly disableMetadata: boolean;
  readonly release: Release;
  readonly version: string;
  readonly promptIds: "any" | "uuid" | "own";
  readonly jobsApi: boolean;
  readonly historyCap: number;
  readonly checkpoints: readonly string[];
  readonly disk: EmulatorDisk;
  readonly faults: { current(): FaultPlan; changed(signal: AbortSignal): Promise<void> };
  /** Differs for each start of each server. */
  readonly bootId: string;
  onPosted(): void;
  onQueued(): void;
  onSaved(files: number): void;
  onViewed(): void;
  onFinished(item: QueueItem, run: TimedRun): void;
}

/** All that a ComfyUI process keeps in memory: queue, history, node cache, sockets, the thread that runs prompts. */
export interface ComfyState {
  answer(exchange: HttpExchange): Promise<void>;
  /** A request for /ws. */
  connect(request: IncomingMessage, upgrade: { readonly socket: Duplex; readonly clientId: string }): void;
  /** Stops running prompts and cuts the sockets. */
  kill(): void;
}

const LORAS = ["add_detail.safetensors", "watercolor.safetensors"];
const VAES = ["sdxl_vae.safetensors", "vae-ft-mse-840000-ema-pruned.safetensors"];

/** Puts the parts together. Temp files are purged, as ComfyUI does when it starts. */
export function comfyState(options: ComfyOptions): ComfyState {
  const { disk, checkpoints, release } = options;
  const killed = new AbortController();
  disk.purge("temp");
  const images = (): string[] => [...disk.names({ type: "input", subfolder: "" })].toSorted();
  const classes = nodeClasses(release.nodeDefinitions, { checkpoints, loras: LORAS, vae: VAES, images });
  const queue = promptQueue({
    historyCap: options.historyCap,
    hidesSecrets: release.notesArrival,
    onChange: () => hub.send("status", null, () => new Map([["status", queueInfo(queue)]])),
  });
  const hub = messageHub({
    features: release.features,
    queueInfo: () => queueInfo(queue),
    runningNode: (clientId) => worker.runningNode(clientId),
  });
  const worker = executor({ ...options, queue, hub, classes, signal: killed.signal });
  const submit = promptRoute({
    ...options,
    queue,
    classes,
    onPosted: () => options.onPosted(),
    onQueued() {
      options.onQueued();
      worker.wake();
    },
  });
  const argv = ["main.py", "--cpu", ...(options.disableMetadata ? ["--disable-metadata"] : [])];
  const stats = ({ isFull }: { readonly isFull: boolean }): ReturnType<typeof systemStats> =>
    systemStats({ ...release, version: options.version, argv, isFull });
  const routes = { ...options, queue, classes, submit, executor: worker, models: modelFolders(release, checkpoints), systemStats: stats };

  return {
    answer: (exchange) => answer(exchange, routes),
    connect(request, { socket, clientId }) {
      let client: { onText(text: string): void; onClose(): void } | undefined;
      const connection = acceptWebSocket(request, socket, {
        onText: (text) => client?.onText(text),
        onClose: () => client?.onClose(),
      });
      if (connection !== undefined) client = hub.connect(connection, clientId);
    },
    kill() {
      killed.abort();
      hub.destroyAll();
    },
  };
}

function modelFolders({ modelFolders: names }: Release, checkpoints: readonly string[]): Map<string, readonly string[]> {
  const folders = new Map<string, readonly string[]>(names.map((folder) => [folder, []]));
  return folders.set("checkpoints", checkpoints).set("loras", LORAS).set("vae", VAES);
}

/** A pretend machine: 24 GiB and no GPU. */
const RAM_TOTAL = 25_769_803_776n;
const RAM_FREE = 23_622_320_128n;

interface SystemStatsOptions extends Pick<Release, "system"> {
  readonly version: string;
  readonly argv: readonly string[];
  /** Other people's work has all of its memory. */
  readonly isFull: boolean;
}

/** The body of GET /system_stats. On a CPU server the index is null and the video memory is the RAM. */
function systemStats({ system: own, version, argv, isFull }: SystemStatsOptions): PyDict {
  const free = isFull ? 0n : RAM_FREE;
  const system = dict({
    ram_total: RAM_TOTAL,
    ram_free: free,
    comfyui_version: version,
    python_version: "3.11.7 (emulated)",
    pytorch_version: "2.13.0+cpu",
    embedded_python: false,
    argv,
  });
  for (const [key, value] of own) system.set(key, value);
  const device = dict({
    name: "cpu",
    type: "cpu",
    index: null,
    vram_total: RAM_TOTAL,
    vram_free: free,
    torch_vram_total: RAM_TOTAL,
    torch_vram_free: free,
  });
  return dict({ system, devices: [device] });
}
