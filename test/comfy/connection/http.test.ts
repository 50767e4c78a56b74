import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { openHttp } from "../../../src/comfy/connection/http.ts";

test.each([
  ["as it was sent", (header: string) => header],
  ["decoded", (header: string) => Buffer.from(header.replace("Basic ", ""), "base64").toString()],
  ["in an address", (header: string) => encodeURIComponent(header)],
])("no secret of a header is in an error that repeats it %s", async (_how, echo) => {
  const server = createServer((request, response) => response.writeHead(500).end(`refused ${echo(request.headers.authorization ?? "")}`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const authorization = `Basic ${Buffer.from("bob:hunter2/secret").toString("base64")}`;
  const { port } = server.address() as AddressInfo; // TCP.
  const http = openHttp({ url: `http://127.0.0.1:${port}`, headers: { authorization }, caFile: null, connections: 1, timeoutMs: 5_000 });
  const error = await http.send({ method: "GET", path: "/queue", signal: new AbortController().signal }).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("refused");
  expect(String(error)).not.toMatch(/hunter2|Ym9iOm/);
  await http.close();
  server.close();
});
