import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { MIB } from "../../lib/units.ts";

/** The server's side of one WebSocket (RFC 6455), without extensions. */
export interface WebSocketConnection {
  sendText(text: string): void;
  sendBinary(bytes: Uint8Array): void;
  /** Cuts the TCP connection: the client sees 1006. */
  destroy(): void;
}

export interface WebSocketHandlers {
  onText(text: string): void;
  onClose(): void;
}

/** RFC 6455 §1.3. */
const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Largest message taken from a client, bytes. Source: aiohttp's WebSocketResponse, max_msg_size. */
const MESSAGE_MAX_BYTES = 4 * MIB;

/** A client that reads nothing is cut off when this much waits for it, bytes. */
const UNSENT_MAX_BYTES = 64 * MIB;

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes. Source: RFC 6455 §7.4.1. */
const CLOSE = { protocolError: 1002, tooBig: 1009 } as const;

/** Answers an upgrade request; undefined (and an error to the client) if it is no WebSocket handshake. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, handlers: WebSocketHandlers): WebSocketConnection | undefined {
  const key = request.headers["sec-websocket-key"];
  if (request.headers.upgrade?.toLowerCase() !== "websocket" || key === undefined || request.headers["sec-websocket-version"] !== "13") {
    socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    return undefined;
  }
  const accept = createHash("sha1")
    .update(key + HANDSHAKE_GUID)
    .digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade", `Sec-WebSocket-Accept: ${accept}`];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);

  function sendFrame(opcode: number, payload: Uint8Array): void {
    if (socket.writableEnded || socket.destroyed) return;
    if (socket.writableLength > UNSENT_MAX_BYTES) return void socket.destroy();
    socket.write(frameHeader(opcode, payload.length));
    socket.write(payload);
  }

  let isClosed = false;
  function closed(): void {
    if (!isClosed) handlers.onClose();
    isClosed = true;
  }

  function close(code: number): void {
    sendFrame(OPCODE.close, Uint8Array.of(code >> 8, code & 0xff));
    socket.end();
  }

  const read = frameReader({
    onMessage: (opcode, payload) => {
      if (opcode === OPCODE.text) handlers.onText(payload.toString("utf8"));
    },
    onControl: (opcode, payload) => {
      if (opcode === OPCODE.ping) sendFrame(OPCODE.pong, payload);
      if (opcode === OPCODE.close) {
        sendFrame(OPCODE.close, payload.subarray(0, 2));
        socket.end();
        // As aiohttp: the client is gone once it says so, not only when TCP agrees. It may be back before that.
        closed();
      }
    },
    onError: close,
  });
  socket.on("data", read);
  // A client may cut the connection at any time; "close" follows and is what counts.
  socket.on("error", () => undefined);
  socket.on("close", closed);
  return {
    sendText: (text) => sendFrame(OPCODE.text, Buffer.from(text, "utf8")),
    sendBinary: (bytes) => sendFrame(OPCODE.binary, bytes),
    destroy: () => void socket.destroy(),
  };
}

function frameHeader(opcode: number, length: number): Uint8Array {
  const fin = 0x80 | opcode;
  if (length < 126) return Uint8Array.of(fin, length);
  if (length < 0x1_00_00) return Uint8Array.of(fin, 126, length >> 8, length & 0xff);
  const header = Buffer.alloc(10);
  header[0] = fin;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

interface FrameEvents {
  readonly onMessage: (opcode: number, payload: Buffer) => void;
  readonly onControl: (opcode: number, payload: Buffer) => void;
  readonly onError: (closeCode: number) => void;
}

interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  /** Bytes that the frame took. */
  readonly size: number;
}

/** Puts chunks together to frames, and frames to messages. */
function frameReader({ onMessage, onControl, onError }: FrameEvents): (chunk: Buffer) => void {
  let unread: Buffer = Buffer.alloc(0);
  let parts: Buffer[] = [];
  let messageOpcode = 0;
  let failed = false;

  function take(frame: Frame): void {
    if (frame.opcode >= OPCODE.close) return onControl(frame.opcode, frame.payload);
    if (frame.opcode !== OPCODE.continuation) messageOpcode = frame.opcode;
    parts.push(frame.payload);
    if (!frame.fin) return;
    const message = Buffer.concat(parts);
    parts = [];
    onMessage(messageOpcode, message);
  }

  return (chunk) => {
    if (failed) return;
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    for (let frame = parseFrame(unread); frame !== undefined; frame = parseFrame(unread)) {
      if (typeof frame === "number") {
        failed = true;
        return onError(frame);
      }
      unread = unread.subarray(frame.size);
      take(frame);
    }
    const buffered = parts.reduce((sum, part) => sum + part.length, unread.length);
    if (buffered <= MESSAGE_MAX_BYTES) return;
    failed = true;
    onError(CLOSE.tooBig);
  };
}

/** The first frame of `data`, undefined if it is not whole yet, or the close code for a client that breaks the protocol. */
function parseFrame(data: Buffer): Frame | number | undefined {
  const [first, second] = data;
  if (first === undefined || second === undefined) return undefined;
  // RFC 6455 §5.1: a client masks every frame; §5.2: reserved bits are 0 without an extension.
  if ((second & 0x80) === 0 || (first & 0x70) !== 0) return CLOSE.protocolError;
  const shortLength = second & 0x7f;
  const lengthBytes = shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0;
  const maskAt = 2 + lengthBytes;
  if (data.length < maskAt + 4) return undefined;
  const length = lengthBytes === 0 ? shortLength : lengthBytes === 2 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
  if (length > MESSAGE_MAX_BYTES) return CLOSE.tooBig;
  const size = maskAt + 4 + length;
  if (data.length < size) return undefined;
  const mask = data.subarray(maskAt, maskAt + 4);
  const payload = Buffer.from(data.subarray(maskAt + 4, size));
  for (let index = 0; index < payload.length; index++) payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  return { fin: (first & 0x80) !== 0, opcode: first & 0x0f, payload, size };
}
