import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Ports from here on, and so many, lie below those that systems give to connections and to whoever listens on port 0 (IANA: 49152, Linux: 32768). */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** Ports free a moment ago, all different. Nothing else on the machine is given one of them before the server listens there. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
