import { dict, dumpsPython, isPyDict, type PyDict, type PyValue } from "../python-json.ts";

/** One prompt in the queue. */
export interface QueueItem {
  /** Lower runs first: int from the server's counter, float if the client gave one. */
  readonly number: bigint | number;
  readonly promptId: string;
  readonly graph: PyDict;
  readonly extraData: PyDict;
  readonly outputs: readonly string[];
}

/** A finished run, as the history has it. */
export interface RunResult {
  readonly outputs: PyDict;
  readonly meta: PyDict;
  readonly success: boolean;
  readonly messages: readonly PyValue[];
}

export interface HistoryRange {
  readonly maxItems: number | undefined;
  /** Counted from the oldest; negative or undefined: the newest `maxItems`. */
  readonly offset: number | undefined;
}

export interface PromptQueue {
  put(item: QueueItem): void;
  /** Moves the next prompt to running. */
  take(): QueueItem | undefined;
  /** Moves a running prompt to the history. */
  finish(item: QueueItem, result: RunResult): void;
  clear(): void;
  /** Takes a waiting prompt out; false where none waits under that id. */
  remove(promptId: string): boolean;
  /** Waiting and running. */
  remaining(): number;
  isRunning(promptId: string): boolean;
  /** State of each prompt as /api/jobs calls it, by id. */
  statuses(): ReadonlyMap<string, string>;
  /** The body of GET /queue. */
  queueText(): string;
  /** The body of GET /history and GET /history/ID. */
  historyText(range: HistoryRange): string;
  historyTextOf(promptId: string): string;
  clearHistory(): void;
  removeHistory(promptId: string): void;
}

/** ComfyUI's MAXIMUM_HISTORY_SIZE; it drops one only when it finds more, so 10,001 stay. */
export const HISTORY_CAP = 10_001;

/** Keys of extra_data that the history leaves out. Source: ComfyUI 0.3.64, SENSITIVE_EXTRA_DATA_KEYS. */
const SECRET_KEYS = ["auth_token_comfy_org", "api_key_comfy_org"];

export interface PromptQueueOptions {
  readonly historyCap: number;
  /** GET /queue leaves credentials out, as the history does. */
  readonly hidesSecrets: boolean;
  readonly onChange: () => void;
}

/** ComfyUI's PromptQueue: a heap of waiting prompts, what runs, and the history as text (a tenth of the memory of objects). */
export function promptQueue({ historyCap, hidesSecrets, onChange }: PromptQueueOptions): PromptQueue {
  let waiting: QueueItem[] = [];
  const running = new Set<QueueItem>();
  const history = new Map<string, string>();

  function historyObject(entries: Iterable<readonly [string, string]>): string {
    const fields: string[] = [];
    for (const [promptId, text] of entries) fields.push(`${dumpsPython(promptId)}: ${text}`);
    return `{${fields.join(", ")}}`;
  }

  return {
    put(item) {
      heapPush(waiting, item);
      onChange();
    },
    take() {
      const item = heapPop(waiting);
      if (item === undefined) return undefined;
      running.add(item);
      onChange();
      return item;
    },
    finish(item, result) {
      running.delete(item);
      while (history.size >= historyCap) history.delete(history.keys().next().value ?? "");
      history.set(item.promptId, entryText(item, result));
      onChange();
    },
    clear() {
      waiting = [];
      onChange();
    },
    remove(promptId) {
      const index = waiting.findIndex((item) => item.promptId === promptId);
      if (index === -1) return false;
      waiting.splice(index, 1);
      heapify(waiting);
      onChange();
      return true;
    },
    remaining: () => waiting.length + running.size,
    isRunning: (promptId) => [...running].some((item) => item.promptId === promptId),
    statuses: () =>
      new Map([
        ...[...history].map(([id, text]) => [id, text.includes('"status_str": "success"') ? "completed" : "failed"] as const),
        ...[...running].map(({ promptId }) => [promptId, "in_progress"] as const),
        ...waiting.map(({ promptId }) => [promptId, "pending"] as const),
      ]),
    queueText() {
      const shown = (item: QueueItem): PyValue => itemOf(hidesSecrets ? withoutSecrets(item) : item);
      const lists = dict({ queue_running: [...running].map(shown), queue_pending: waiting.map(shown) });
      return dumpsPython(lists);
    },
    historyText({ maxItems, offset }) {
      if (maxItems === undefined && (offset === undefined || offset < 0)) return historyObject(history);
      const start = offset === undefined || offset < 0 ? Math.max(0, history.size - (maxItems ?? 0)) : offset;
      // ComfyUI looks whether it has enough after adding one, so that max_items=0 gives one.
      const end = maxItems === undefined ? undefined : start + Math.max(1, maxItems);
      return historyObject([...history].slice(start, end));
    },
    historyTextOf(promptId) {
      const text = history.get(promptId);
      return historyObject(text === undefined ? [] : [[promptId, text]]);
    },
    clearHistory: () => history.clear(),
    removeHistory: (promptId) => void history.delete(promptId),
  };
}

function itemOf({ number, promptId, graph, extraData, outputs }: QueueItem): PyValue {
  return [number, promptId, graph, extraData, outputs];
}

function withoutSecrets(item: QueueItem): QueueItem {
  return { ...item, extraData: new Map([...item.extraData].filter(([key]) => !SECRET_KEYS.includes(key))) };
}

function entryText(item: QueueItem, { outputs, meta, success, messages }: RunResult): string {
  const status = dict({ status_str: success ? "success" : "error", completed: success, messages });
  return dumpsPython(dict({ prompt: itemOf(withoutSecrets(item)), outputs, status, meta }));
}

/** Tuples in Python: by number, then by prompt_id. */
function isBefore(a: QueueItem, b: QueueItem): boolean {
  return a.number == b.number ? a.promptId < b.promptId : a.number < b.number;
}

// The heap moves its items exactly as Python's heapq, because GET /queue shows them in heap order.

function heapPush(heap: QueueItem[], item: QueueItem): void {
  heap.push(item);
  siftDown(heap, 0, heap.length - 1);
}

function heapPop(heap: QueueItem[]): QueueItem | undefined {
  const last = heap.pop();
  const first = heap[0];
  if (last === undefined || first === undefined) return last;
  heap[0] = last;
  siftUp(heap, 0);
  return first;
}

function heapify(heap: QueueItem[]): void {
  for (let index = Math.floor(heap.length / 2) - 1; index >= 0; index--) siftUp(heap, index);
}

/** Moves the item at `from` towards the root while it is before its parent. */
function siftDown(heap: QueueItem[], root: number, from: number): void {
  const item = heap[from];
  if (item === undefined) return;
  let index = from;
  while (index > root) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || !isBefore(item, parent)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = item;
}

/** Moves the item at `from` to a leaf along the smaller children, then up again. */
function siftUp(heap: QueueItem[], from: number): void {
  const item = heap[from];
  if (item === undefined) return;
  let index = from;
  for (let child = 2 * index + 1; child < heap.length; child = 2 * index + 1) {
    const left = heap[child];
    const right = heap[child + 1];
    if (left !== undefined && right !== undefined && !isBefore(left, right)) child++;
    const smaller = heap[child];
    if (smaller === undefined) break;
    heap[index] = smaller;
    index = child;
  }
  heap[index] = item;
  siftDown(heap, from, index);
}

/** The `client_id` that a prompt's messages go to. */
export function clientIdOf(item: QueueItem): string | null {
  const clientId = isPyDict(item.extraData) ? item.extraData.get("client_id") : undefined;
  return typeof clientId === "string" ? clientId : null;
}
