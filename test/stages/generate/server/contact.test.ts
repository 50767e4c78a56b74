import { describe, expect, it } from "vitest";
import type { ComfyClient } from "../../../../src/comfy/client/client.ts";
import { FatalError, TransientError } from "../../../../src/errors.ts";
import { createContact, type ContactOptions } from "../../../../src/stages/generate/server/contact.ts";

/** A server whose only life is in what is told of it. */
function bench() {
  let nowMs = 1_000_000;
  const down: string[] = [];
  const caused: string[] = [];
  let progress = 0;
  const run = {
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    lastProgress: { made: () => void progress++, hindered: (_what: string, cause: string) => void caused.push(cause) },
    servers: { serverDown: (_url: string, { message }: TransientError) => void down.push(message) },
    fallbackClientId: "fallback",
  };
  const contact = createContact({
    // Only what is told is looked at here: nothing is asked.
    client: { url: "http://1" } as unknown as ComfyClient,
    run: run as unknown as ContactOptions["run"],
    onEvent: () => undefined,
    onOpen: () => undefined,
  });
  return { contact, down, caused, progress: () => progress, nowMs: () => nowMs, pass: (ms: number) => void (nowMs += ms) };
}
const trouble = new TransientError("500");

describe("createContact()", () => {
  it("rests longer after each trouble, however well the server answers between, and starts anew after progress", () => {
    const { contact, pass } = bench();
    const longestMs = (failures: number): number => {
      let longest = 0;
      for (let failure = 0; failure < failures; failure++) {
        pass(20_000);
        contact.troubled(trouble);
        longest = Math.max(longest, contact.restMs());
      }
      return longest;
    };
    expect(longestMs(1)).toBeLessThanOrEqual(250);
    expect(longestMs(40)).toBeGreaterThan(2_000);
    contact.progressed();
    expect(contact.restMs()).toBe(0);
    expect(longestMs(1)).toBeLessThanOrEqual(250);
  });

  it("takes what fails together for one failure, and waits as long as Retry-After asks, within bounds", () => {
    const { contact, down, pass } = bench();
    for (let request = 0; request < 32; request++) contact.troubled(new TransientError("503", { retryAfterMs: 2_000 }));
    expect(contact.restMs()).toBe(2_000);
    expect(down).toHaveLength(32);
    contact.progressed();
    contact.troubled(new TransientError("503", { retryAfterMs: 86_400_000 }));
    expect(contact.restMs()).toBe(150_000);
    pass(150_000);
    expect(contact.restMs()).toBe(0);
  });

  it("that refuses one job is given no new ones for a moment, and is not down", () => {
    const { contact, down, caused } = bench();
    contact.refusedOne(trouble);
    expect(down).toEqual([]);
    expect(caused).toEqual(["500"]);
    expect(contact.restMs()).toBeLessThanOrEqual(250);
  });

  it.each([
    ["trouble", ({ contact }: ReturnType<typeof bench>) => contact.troubled(trouble)],
    ["a restart", ({ contact }: ReturnType<typeof bench>) => contact.restarted()],
  ])("is unbroken since a moment until %s comes after it", (_, breakOff) => {
    const server = bench();
    server.pass(1_000);
    const firstMs = server.nowMs();
    expect(server.contact.isUnbrokenSince(firstMs)).toBe(true);
    server.pass(1_000);
    breakOff(server);
    expect(server.contact.isUnbrokenSince(firstMs)).toBe(false);
    server.pass(1_000);
    expect(server.contact.isUnbrokenSince(server.nowMs())).toBe(true);
  });

  it("counts no step of a job that was sent too often", () => {
    const { contact, progress } = bench();
    contact.stepped({ attempt: 10 });
    expect(progress()).toBe(1);
    contact.stepped({ attempt: 11 });
    expect(progress()).toBe(1);
  });

  it("tells three different jobs in a row whose submissions were lost", () => {
    const { contact } = bench();
    expect(["a", "a", "b", "a"].map((job) => contact.submissionLost(job))).toEqual([null, null, null, null]);
    contact.accepted();
    expect(["a", "b", "c"].map((job) => contact.submissionLost(job))).toEqual([null, null, 3]);
  });

  it("ends its worker with what only a person can mend", () => {
    const { contact } = bench();
    expect(() => contact.throwIfUnusable()).not.toThrow();
    contact.cannotBeUsed(new FatalError("no credentials"));
    expect(contact.isUnusable()).toBe(true);
    expect(() => contact.throwIfUnusable()).toThrow("no credentials");
  });
});
