import { afterAll, describe, expect, it } from "vitest";
import { comfyEvents } from "../../../src/comfy/connection/events.ts";
import { startEmulator } from "../../../src/emulator/emulator.ts";
import { systemClock } from "../../../src/lib/clock.ts";

const emulator = await startEmulator({});
const closing = new AbortController();
afterAll(async () => {
  closing.abort();
  await emulator.stop();
});

describe("comfyEvents()", () => {
  it("tells each connection that opens, and the end of those that were open, but not what could not be opened", async () => {
    const told: string[] = [];
    const opened = Promise.withResolvers<void>();
    const reopened = Promise.withResolvers<void>();
    comfyEvents({
      url: emulator.url,
      headers: {},
      clock: systemClock,
      signal: closing.signal,
      backoff: { firstMs: 1, maxMs: 5 },
      onEvent: () => undefined,
      onOpen() {
        (told.push("open") === 1 ? opened : reopened).resolve();
      },
      onClose: () => void told.push("close"),
    });
    await opened.promise;
    await emulator.restart(); // Down for a moment, in which connections are refused.
    await reopened.promise;
    expect(told).toEqual(["open", "close", "open"]);
  });
});
