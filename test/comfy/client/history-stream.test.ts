import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { comfyClient } from "../../../src/comfy/client/client.ts";
import { TransientError } from "../../../src/errors.ts";

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A server whose /history is that text, in pieces of so many characters. */
async function historyOf(text: string, pieceChars: number) {
  server = createServer((_request, response) => {
    for (let at = 0; at < text.length; at += pieceChars) response.write(text.slice(at, at + pieceChars));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = comfyClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers: {} });
  try {
    return await Array.fromAsync(client.historyAll(new AbortController().signal));
  } finally {
    await client.close();
  }
}

const entry = (inputs: string): string =>
  `{"prompt": [4, "id", {"1": {"class_type": "A", "inputs": ${inputs}}}, {}, ["1"]], "outputs": {}, "status": {"status_str": "success"}}`;

describe("streamHistory()", () => {
  it.each([1, 7, 10_000])("reads Python's constants and exact integers, in pieces of %i characters", async (pieceChars) => {
    const inputs = '{"a": [NaN, Infinity, -Infinity], "b": "NaN", "seed": 18446744073709551615, "c": -0.5, "d": 1e-7, "e": 12345678}';
    const [found] = await historyOf(`{"id": ${entry(inputs)}}`, pieceChars);
    expect(found?.prompt).toEqual({
      "1": {
        class_type: "A",
        inputs: { a: [Number.NaN, Infinity, -Infinity], b: "NaN", seed: 18446744073709551615n, c: -0.5, d: 1e-7, e: 12345678 },
      },
    });
  });

  it("says so where an entry is nested too deeply", async () => {
    const reading = historyOf(`{"id": ${entry("[".repeat(50_000) + "]".repeat(50_000))}}`, 10_000);
    await expect(reading).rejects.toThrow(TransientError);
    await expect(reading).rejects.toThrow(/history.*nested more than 1000 levels deep/);
  });
});
