import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { limitConnections, type ConnectionLimits } from "../../../src/page/server/limit-connections.ts";

let server: Server;
let port: number;
const sockets: Socket[] = [];
let limits: ConnectionLimits;

beforeEach(async () => {
  limits = { strangersPerPeer: 5, strangers: 8 };
  server = createServer();
  const connections = limitConnections(server, limits);
  server.on("request", (request, response) => {
    if (request.headers.cookie === "ours") connections.markKnown(request.socket);
    response.end("heard");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo); // It listens on TCP.
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** All of 127.0.0.0/8 is this machine, so each address is another peer. */
async function open(localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => undefined); // Ended by the server.
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

const countOf = (): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));

async function ask(socket: Socket, cookie = ""): Promise<string> {
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\ncookie: ${cookie}\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer]; // No encoding is set.
  return answer.toString();
}

describe("limitConnections()", () => {
  it("closes the longest idle stranger of a peer, so that a newcomer is served", async () => {
    const [first] = [await open()];
    const ended = once(first, "close");
    for (let i = 0; i < 50; i++) await open();
    await ended;
    await expect.poll(countOf).toBe(limits.strangersPerPeer);
    expect(await ask(await open())).toContain("heard");
  });

  it("closes no connection of other peers until there are too many in all", async () => {
    const honest = await open("127.0.0.2");
    for (let i = 0; i < 50; i++) await open();
    expect(await ask(honest)).toContain("heard");
    for (let peer = 3; peer < 40; peer++) await open(`127.0.0.${peer}`);
    await expect.poll(countOf).toBe(limits.strangers);
  });

  it("never closes the connection of somebody who showed a cookie", async () => {
    const person = await open();
    expect(await ask(person, "ours")).toContain("heard");
    for (let i = 0; i < 50; i++) await open();
    await expect.poll(countOf).toBe(limits.strangersPerPeer + 1);
    expect(await ask(person, "ours")).toContain("heard");
  });

  it("counts strangers that are idle again after a request, and those that sent only part of a head", async () => {
    for (let i = 0; i < 20; i++) await ask(await open());
    for (let i = 0; i < 20; i++) (await open()).write("GET / HTTP/1.1\r\n");
    await expect.poll(countOf).toBe(limits.strangersPerPeer);
  });
});
