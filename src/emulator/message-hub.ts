import { randomUUID } from "node:crypto";
import { dict, dumpsPython, isPyDict, loadsPython, type PyDict, type PyValue } from "./python-json.ts";
import type { WebSocketConnection } from "./http/websocket.ts";

/** Image formats of binary frames. Source: ComfyUI 0.3.64, send_image. */
export const IMAGE_FORMAT = { jpeg: 1, png: 2 } as const;

/** BinaryEventTypes.PREVIEW_IMAGE. */
const PREVIEW_IMAGE = 1;

/** ComfyUI's side of /ws: which message goes to which socket. */
export interface MessageHub {
  /** Registers a socket and greets it; returns what to do with its messages and its end. */
  connect(connection: WebSocketConnection, clientId: string): { onText(text: string): void; onClose(): void };
  /** Sends to the socket of `clientId`, to all if it is null, to nobody if it is not connected. `data` is made only if someone listens. */
  send(event: string, clientId: string | null, data: () => PyDict): void;
  /** Sends an image as a preview frame, to whom `send` would. */
  sendImage(format: number, clientId: string | null, image: () => Uint8Array): void;
  /** Cuts every connection. */
  destroyAll(): void;
}

interface HubState {
  /** The answer to a client's feature_flags. */
  readonly features: PyDict;
  /** The body of GET /prompt, sent with `status`. */
  queueInfo(): PyDict;
  /** The node that runs for this client; sent after a reconnect. */
  runningNode(clientId: string): string | undefined;
}

export function messageHub(state: HubState): MessageHub {
  const sockets = new Map<string, WebSocketConnection>();
  // Sockets that a newer one with the same clientId has replaced get nothing more, but stay open.
  const open = new Set<WebSocketConnection>();

  function receivers(clientId: string | null): WebSocketConnection[] {
    if (clientId === null) return [...sockets.values()];
    const socket = sockets.get(clientId);
    return socket === undefined ? [] : [socket];
  }

  function send(event: string, clientId: string | null, data: () => PyDict): void {
    const targets = receivers(clientId);
    if (targets.length === 0) return;
    const text = dumpsPython(dict({ type: event, data: data() }));
    for (const target of targets) target.sendText(text);
  }

  return {
    send,
    connect(connection, clientId) {
      const sid = clientId === "" ? randomUUID().replaceAll("-", "") : clientId;
      open.add(connection);
      sockets.set(sid, connection);
      send("status", sid, () => dict({ status: state.queueInfo(), sid }));
      const node = state.runningNode(sid);
      if (node !== undefined) send("executing", sid, () => dict({ node }));
      let isFirst = true;
      return {
        onText(text) {
          if (isFirst && isFeatureFlags(text)) send("feature_flags", sid, () => state.features);
          isFirst = false;
        },
        onClose() {
          open.delete(connection);
          // As in ComfyUI, the end of an old socket also unregisters a newer one with the same clientId.
          sockets.delete(sid);
        },
      };
    },
    sendImage(format, clientId, image) {
      const targets = receivers(clientId);
      if (targets.length === 0) return;
      const header = Buffer.alloc(8);
      header.writeUInt32BE(PREVIEW_IMAGE, 0);
      header.writeUInt32BE(format, 4);
      const frame = Buffer.concat([header, image()]);
      for (const target of targets) target.sendBinary(frame);
    },
    destroyAll() {
      for (const connection of open) connection.destroy();
      open.clear();
      sockets.clear();
    },
  };
}

function isFeatureFlags(text: string): boolean {
  let message: PyValue;
  try {
    message = loadsPython(text);
  } catch {
    // ComfyUI logs what is no JSON and goes on.
    return false;
  }
  return isPyDict(message) && message.get("type") === "feature_flags";
}
