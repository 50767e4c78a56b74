import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { noisePixels, imageBytes } from "./image-bytes.ts";
import type { ImageSizes } from "./image-server.ts";

// Serves images of any job, made as they are asked for from few sets of pixels, so that the server costs as little as it can:
// GET /view as ComfyUI, GET /files/ (a page with links) and GET /files/NAME for programs that copy files.

/** Different sizes. */
const SIZES = 24;

const { fromBytes, toBytes } = JSON.parse(process.argv[2] ?? "") as ImageSizes; // image-server.ts wrote it.
const count = fromBytes === toBytes ? 1 : SIZES;
const pixels = Array.from({ length: count }, (_, index) =>
  noisePixels(fromBytes + ((toBytes - fromBytes) * index) / Math.max(1, count - 1)),
);
let jobs: readonly string[] = [];

const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  response.on("error", () => undefined); // Its client went away.
  const url = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "POST") return void request.resume().on("end", () => response.end()); // Deletions from the history.
  if (url.pathname === "/files/") {
    return void response
      .setHeader("content-type", "text/html")
      .end(jobs.map((job) => `<a href="${job}_00001_.png">${job}_00001_.png</a>\n`).join(""));
  }
  const name = url.pathname === "/view" ? url.searchParams.get("filename") : url.pathname.replace(/^\/files\//, "");
  send(name ?? "", { request, response });
});

function send(name: string, { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse }): void {
  const job = name.replace(/_\d+_\.png$/, "");
  const chosen = pixels[Number.parseInt(job.slice(0, 8), 16) % pixels.length];
  if (chosen === undefined) return void response.writeHead(404, { "content-length": 0 }).end();
  const [head, tail] = imageBytes(chosen, `bench/${job.slice(0, 3)}/${job}`);
  response.writeHead(200, { "content-type": "image/png", "content-length": head.length + tail.length });
  if (request.method === "HEAD") return void response.end();
  response.cork();
  response.write(head);
  response.end(tail);
  response.uncork();
}

process.on("message", (listed) => {
  jobs = listed as readonly string[]; // image-server.ts sent it.
  process.send?.("listed");
});
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)); // It listens on TCP.
