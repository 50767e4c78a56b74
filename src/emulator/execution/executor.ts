import { setImmediate, setTimeout } from "node:timers/promises";
import { type EmulatorDisk, imageHash } from "../files/disk.ts";
import type { FaultPlan } from "../faults.ts";
import type { MessageHub } from "../message-hub.ts";
import { nodeCache } from "./node-cache.ts";
import type { NodeClasses } from "../nodes/node-classes.ts";
import { digest } from "../images/image.ts";
import { clientIdOf, type PromptQueue, type QueueItem } from "./prompt-queue.ts";
import { runPrompt, type PromptRun } from "./prompt-run.ts";

/** The one thread that runs prompts. */
export interface Executor {
  /** Looks into the queue again. */
  wake(): void;
  /** Stops the running prompt at its next node or step. */
  interrupt(): void;
  /** Drops the node cache once the running prompt has ended. */
  freeMemory(): void;
  /** The node that runs for this client. */
  runningNode(clientId: string): string | undefined;
}

export interface ExecutorDeps {
  readonly queue: Pick<PromptQueue, "take" | "finish">;
  readonly hub: MessageHub;
  readonly classes: NodeClasses;
  readonly disk: EmulatorDisk;
  /** The plan of the moment, and a promise of the next one. */
  readonly faults: { current(): FaultPlan; changed(signal: AbortSignal): Promise<void> };
  readonly execMs: number;
  readonly disableMetadata: boolean;
  /** Aborted when the server is killed. */
  readonly signal: AbortSignal;
  /** Differs for each start of each server: PreviewImage's names come from it. */
  readonly bootId: string;
  onSaved(files: number): void;
  onFinished(item: QueueItem, run: TimedRun): void;
}

/** A run with the time that it kept the server from any other prompt, ms since the epoch. */
export interface TimedRun extends PromptRun {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** One prompt in ten is late in history; how late, ms. Source: 23 of 200 reads right after execution_success missed the entry. */
const HISTORY_LAG_MS = 3;

/** Starts the executor; it ends with `signal`. */
export function executor(deps: ExecutorDeps): Executor {
  let wakeUp: (() => void) | undefined;
  let interrupted = false;
  let freeAsked = false;
  let running: { readonly clientId: string | null; nodeId: string | undefined } | undefined;
  const suffixes = tempSuffixes(deps.bootId);
  const cache = nodeCache({
    fingerprint(classType, inputs) {
      if (classType === "SaveImageWebsocket") return `${String(performance.now())} ${digest(deps.bootId)}`;
      return classType === "LoadImage" ? (imageHash(inputs, deps.disk) ?? "") : "";
    },
  });

  async function runNext(item: QueueItem): Promise<void> {
    interrupted = false;
    const startedAtMs = nowMs();
    const current = { clientId: clientIdOf(item), nodeId: undefined as string | undefined };
    running = current;
    suffixes.startPrompt(item);
    const faults = deps.faults.current();
    const run = await runPrompt(item, {
      ...deps,
      cache,
      faults,
      isInterrupted: () => interrupted,
      onNode: (nodeId) => (current.nodeId = nodeId),
      tempSuffixOf: suffixes.of,
      stall: () => deps.faults.changed(deps.signal),
    });
    running = undefined;
    const isLate = Number.parseInt(digest(item.promptId).slice(0, 2), 16) < 26;
    await (isLate ? setTimeout(HISTORY_LAG_MS, undefined, { signal: deps.signal }) : setImmediate(undefined, { signal: deps.signal }));
    deps.queue.finish(item, run);
    run.tell.executing(null);
    deps.onFinished(item, { ...run, startedAtMs, finishedAtMs: nowMs() });
  }

  async function work(): Promise<void> {
    while (!deps.signal.aborted) {
      const item = deps.queue.take();
      if (item !== undefined) await runNext(item);
      if (freeAsked) {
        cache.clear();
        suffixes.clear();
        freeAsked = false;
      }
      if (item === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wakeUp = resolve;
        await promise;
      }
    }
  }

  deps.signal.addEventListener("abort", () => wakeUp?.());
  // After a kill nobody is left to be told. Any other error is a bug and must not pass unseen.
  work().catch((error: unknown) => {
    if (!deps.signal.aborted) throw error;
  });

  return {
    wake: () => wakeUp?.(),
    interrupt: () => (interrupted = true),
    freeMemory() {
      freeAsked = true;
      wakeUp?.();
    },
    runningNode: (clientId) => (running?.clientId === clientId ? running.nodeId : undefined),
  };
}

/** Returns the time with fractions, which Date.now() cuts off. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

interface TempSuffixes {
  startPrompt(item: QueueItem): void;
  readonly of: (nodeId: string) => string;
  clear(): void;
}

/** Source: the alphabet in ComfyUI's PreviewImage, which has a p twice and no w. */
const SUFFIX_LETTERS = "abcdefghijklmnopqrstupvxyz";

/** PreviewImage draws five letters when its object is made; the object lives as long as the node is in each prompt. */
function tempSuffixes(bootId: string): TempSuffixes {
  let known = new Map<string, string>();
  let drawn = 0;
  return {
    startPrompt: ({ graph }) => (known = new Map([...known].filter(([nodeId]) => graph.has(nodeId)))),
    of(nodeId) {
      const letters = Buffer.from(digest(bootId, drawn), "hex").subarray(0, 5);
      const suffix = known.get(nodeId) ?? `_temp_${[...letters].map((byte) => SUFFIX_LETTERS[byte % SUFFIX_LETTERS.length]).join("")}`;
      if (!known.has(nodeId)) drawn++;
      known.set(nodeId, suffix);
      return suffix;
    },
    clear: () => known.clear(),
  };
}
