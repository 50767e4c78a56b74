import type { Server } from "node:http";
import { isIPv6, type Socket } from "node:net";

export interface ConnectionLimits {
  /** Connections of one peer, in all, that are idle and have shown no person's cookie. */
  readonly strangersPerPeer: number;
  /** Likewise, of all peers. */
  readonly strangers: number;
}

/**
 * A browser opens six connections, and shows its cookie with the first request on each. A household, an office or a reverse proxy is one
 * peer: each of its people is a stranger only for the moment between connecting and asking.
 */
export const CONNECTION_LIMITS: ConnectionLimits = { strangersPerPeer: 64, strangers: 1_000 };

interface Stranger {
  readonly socket: Socket;
  readonly peer: string;
}

/**
 * Keeps people who open connections and say nothing from using up all that there are: beyond a limit, a new stranger's connection ends the
 * one that has been idle for longest, of the same peer or of all. So whoever comes next is heard. Call `know` with the connection of a
 * person's request: it is no stranger's from then on.
 */
export function limitConnections(server: Server, limits: ConnectionLimits = CONNECTION_LIMITS): { markKnown(socket: Socket): void } {
  /** Idle strangers, the longest idle first. */
  const strangers = new Map<Socket, Stranger>();
  const perPeer = new Map<string, Set<Socket>>();
  const known = new WeakSet<Socket>();

  function forget(socket: Socket): void {
    const stranger = strangers.get(socket);
    if (stranger === undefined) return;
    strangers.delete(socket);
    const ofPeer = perPeer.get(stranger.peer);
    ofPeer?.delete(socket);
    if (ofPeer?.size === 0) perPeer.delete(stranger.peer);
  }

  function watch(socket: Socket): void {
    if (socket.destroyed || known.has(socket)) return;
    const peer = readPeer(socket.remoteAddress);
    const ofPeer = perPeer.get(peer) ?? new Set();
    perPeer.set(peer, ofPeer.add(socket));
    strangers.set(socket, { socket, peer });
    if (ofPeer.size > limits.strangersPerPeer) end(ofPeer.values().next().value);
    if (strangers.size > limits.strangers) end(strangers.keys().next().value);
  }

  function end(socket: Socket | undefined): void {
    if (socket === undefined) return;
    forget(socket);
    socket.destroy();
  }

  server.on("connection", (socket: Socket) => {
    watch(socket);
    socket.once("close", () => forget(socket));
  });
  server.on("request", ({ socket }, response) => {
    forget(socket); // It is being answered.
    response.once("close", () => watch(socket));
  });
  return {
    markKnown(socket) {
      known.add(socket);
      forget(socket);
    },
  };
}

/** One subscriber has a whole /64 of IPv6 addresses. Source: RFC 6177, "IPv6 Address Assignment to End Sites". */
function readPeer(address = ""): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  return isIPv6(plain) ? readPrefix64(plain) : plain;
}

function readPrefix64(address: string): string {
  const [head = "", tail] = address.split("%", 1)[0]?.split("::", 2) ?? [];
  const groups = head === "" ? [] : head.split(":");
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  const all = [...groups, ...Array.from({ length: missing }, () => "0"), ...(tail === undefined || tail === "" ? [] : tail.split(":"))];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
