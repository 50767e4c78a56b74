import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ScorerStats } from "./scorer.ts";

// A model on one GPU: takes any number of requests, works on one after the other, and keeps account of when it worked.

const execMs = Number(process.argv[2]);
const waiting: (() => void)[] = [];
let isWorking = false;
const stats = { requests: 0, images: 0, busyMs: 0, firstStartedAtMs: 0, lastFinishedAtMs: 0, inFlightMax: 0 };
let inFlight = 0;

const server = createServer((request, response) => {
  inFlight++;
  stats.inFlightMax = Math.max(stats.inFlightMax, inFlight);
  response.on("close", () => inFlight--);
  void take(request, response);
});

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  // Parsing megabytes of base64 would be this process's CPU, not the GPU's time.
  const ids = [...body.matchAll(/\{"id":"([^"]+)"/g)].map((match) => match[1]);
  waiting.push(() => work(response, ids));
  if (!isWorking) waiting.shift()?.();
}

function work(response: ServerResponse, ids: readonly (string | undefined)[]): void {
  isWorking = true;
  const startedMs = performance.now();
  stats.firstStartedAtMs ||= startedMs;
  setTimeout(() => {
    stats.lastFinishedAtMs = performance.now();
    stats.busyMs += stats.lastFinishedAtMs - startedMs;
    stats.requests++;
    stats.images += ids.length;
    isWorking = false;
    answer(response, ids);
    waiting.shift()?.();
  }, execMs);
}

function answer(response: ServerResponse, ids: readonly (string | undefined)[]): void {
  response.setHeader("content-type", "application/json").end(JSON.stringify({ scores: ids.map((id, index) => ({ id, score: index })) }));
}

process.on("message", () => process.send?.(stats satisfies ScorerStats));
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/score`)); // It listens on TCP.
