import type { Server } from "node:http";
import { isIPv6, type Socket } from "node:net";

export interface ConnectionLimits {
  /** Idle connections of one peer that have not yet shown anybody's cookie. */
  readonly strangersPerPeer: number;
  /** The same for all peers together. */
  readonly strangers: number;
}

/**
 * A browser opens six connections and shows its cookie with the first request on each. A household, an office or a reverse proxy is one
 * peer: each person in it is a stranger only between connecting and asking.
 */
const CONNECTION_LIMITS: ConnectionLimits = { strangersPerPeer: 64, strangers: 1_000 };

interface Stranger {
  readonly socket: Socket;
  readonly peer: string;
}

/**
 * Keeps people who open connections and send nothing from using them all up. Beyond a limit, a stranger's new connection closes the one
 * that has been idle for longest, of that peer or of all, so that a newcomer is always served. Call `markKnown` with the connection of a
 * person's request: it no longer counts.
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
    const peer = peerKey(socket.remoteAddress);
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

/**
 * Returns what counts as one peer: an IPv4 address, or the /64 of an IPv6 address, which belongs to one subscriber. Source: RFC 6177, "IPv6
 * Address Assignment to End Sites".
 */
function peerKey(address = ""): string {
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
