import { dict, type PyDict, type PyValue } from "../python-json.ts";
import type { MessageHub } from "../message-hub.ts";

/** Sends the messages of one run over the WebSocket, and keeps those that stay in the history. */
export interface RunMessages {
  /** `[event, data]` pairs for status.messages. */
  readonly history: PyValue[];
  /** An event with a timestamp that history keeps. `toAll`: to every socket if the prompt has no client_id, else to nobody. */
  event(event: string, fields: PyDict, toAll?: boolean): void;
  nodeStarted(nodeId: string): void;
  nodeProgress(nodeId: string, step: { readonly value: number; readonly max: number }): void;
  nodeFinished(nodeId: string): void;
  /** The node that runs, null at the end of the run. */
  executing(nodeId: string | null): void;
  executed(nodeId: string, output: PyDict | null): void;
}

interface RunIdentity {
  readonly promptId: string;
  /** Null: the prompt has none, and most messages go to nobody. */
  readonly clientId: string | null;
}

interface Progress {
  readonly value: number | bigint;
  readonly max: number | bigint;
  readonly state: "running" | "finished";
}

export function runMessages(hub: Pick<MessageHub, "send">, { promptId, clientId }: RunIdentity): RunMessages {
  const history: PyValue[] = [];
  const progress = new Map<string, Progress>();

  function sendProgress(): void {
    hub.send("progress_state", clientId, () => {
      const nodes: PyDict = new Map([...progress].map(([nodeId, state]) => [nodeId, progressEntry(nodeId, state, promptId)]));
      return dict({ prompt_id: promptId, nodes });
    });
  }

  return {
    history,
    event(event, fields, toAll = false) {
      const data: PyDict = new Map([...fields, ["timestamp", BigInt(Date.now())]]);
      history.push([event, data]);
      if (clientId !== null || toAll) hub.send(event, clientId, () => data);
    },
    nodeStarted(nodeId) {
      progress.set(nodeId, { value: 0, max: 1, state: "running" });
      sendProgress();
    },
    nodeProgress(nodeId, { value, max }) {
      const [whole, total] = [BigInt(value), BigInt(max)];
      progress.set(nodeId, { value: whole, max: total, state: "running" });
      sendProgress();
      hub.send("progress", clientId, () => dict({ value: whole, max: total, prompt_id: promptId, node: nodeId }));
    },
    nodeFinished(nodeId) {
      // A node that never started (it was cached) is finished as 1 of 1, in whole numbers.
      const max = progress.get(nodeId)?.max ?? 1n;
      progress.set(nodeId, { value: max, max, state: "finished" });
      sendProgress();
    },
    executing(nodeId) {
      if (clientId === null) return;
      const display: Record<string, PyValue> = nodeId === null ? {} : { display_node: nodeId };
      hub.send("executing", clientId, () => dict({ node: nodeId, ...display, prompt_id: promptId }));
    },
    executed(nodeId, output) {
      if (clientId === null) return;
      hub.send("executed", clientId, () => dict({ node: nodeId, display_node: nodeId, output, prompt_id: promptId }));
    },
  };
}

function progressEntry(nodeId: string, { value, max, state }: Progress, promptId: string): PyDict {
  return dict({
    value,
    max,
    state,
    node_id: nodeId,
    prompt_id: promptId,
    display_node_id: nodeId,
    parent_node_id: null,
    real_node_id: nodeId,
  });
}
