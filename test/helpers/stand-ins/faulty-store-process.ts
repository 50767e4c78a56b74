import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { StoreFaults } from "./faulty-store.ts";

// An S3 server that fails a share of the PUTs, in front of one that does not.

const { endpoint, slowDown, reset, stall, forbidAfter = Infinity } = JSON.parse(process.argv[2] ?? "") as StoreFaults; // faulty-store.ts wrote it.
const { hostname, port } = new URL(endpoint);
/** Faults follow each other evenly: each share is met exactly, and no two runs differ. */
const owed = { slowDown: 0, reset: 0, stall: 0 };
let puts = 0;
const FORBIDDEN = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>';
const SLOW_DOWN = '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

function nextFault(): keyof typeof owed | null {
  for (const [kind, rate] of [["slowDown", slowDown] as const, ["reset", reset] as const, ["stall", stall] as const]) {
    owed[kind] += rate;
    if (owed[kind] < 1) continue;
    owed[kind]--;
    return kind;
  }
  return null;
}

const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (asked, answer) => {
  asked.on("error", () => undefined); // The client went away; what it began to send goes nowhere.
  answer.on("error", () => undefined);
  const isImage = asked.method === "PUT" && asked.url?.includes("/images/") === true;
  if (isImage && ++puts > forbidAfter)
    return void asked.resume().on("end", () => answer.writeHead(403, { "content-type": "application/xml" }).end(FORBIDDEN));
  const fault = isImage ? nextFault() : null;
  if (fault === null) return forward(asked, answer);
  process.send?.(fault);
  if (fault === "slowDown") return void answer.writeHead(503, { "content-type": "application/xml", connection: "close" }).end(SLOW_DOWN);
  if (fault === "reset") return void asked.once("data", () => asked.socket.destroy());
  asked.resume(); // Taken, and never answered.
});

function forward(asked: IncomingMessage, answer: ServerResponse): void {
  // The host that was signed is in the headers.
  const passed = request({ hostname, port, method: asked.method, path: asked.url, headers: asked.headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => void (answer.writableFinished || passed.destroy()));
  asked.pipe(passed);
}

process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)); // It listens on TCP.
