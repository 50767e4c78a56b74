import { describe, expect, it } from "vitest";
import { FatalError } from "../../src/errors.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { createLastProgress } from "../../src/stages/last-progress.ts";

/** A clock that moves only by what is slept, and tells each second. */
function slowClock(onSecond: (second: number) => void) {
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: async (delayMs) => {
      await Promise.resolve();
      const before = Math.floor(nowMs / 1_000);
      nowMs += delayMs;
      if (Math.floor(nowMs / 1_000) > before) onSecond(Math.floor(nowMs / 1_000));
    },
  };
  return { clock, pass: (ms: number) => void (nowMs += ms) };
}

/** When a run with this life gives up, s; null where it ended by itself after 100 s. */
async function endOf(
  onSecond: (second: number, progress: ReturnType<typeof createLastProgress>, pass: (ms: number) => void) => void,
  options: { readonly isWaiting?: () => boolean; readonly lastResort?: () => boolean } = {},
): Promise<{ readonly second: number | null; readonly message: string; readonly gaveUp: boolean }> {
  const ended = new AbortController();
  let now = 0;
  const { clock, pass } = slowClock((second) => {
    now = second;
    onSecond(second, progress, pass);
    if (second >= 100) ended.abort();
  });
  const progress = createLastProgress({ clock, giveUpMs: 10_000 });
  try {
    await progress.watch({ until: ended.signal, isWaiting: () => true, ...options });
    return { second: null, message: "", gaveUp: progress.gaveUp.aborted };
  } catch (error) {
    if (!(error instanceof FatalError)) throw error;
    return { second: now, message: error.message, gaveUp: progress.gaveUp.aborted };
  }
}

describe("createLastProgress()", () => {
  it("gives up once nothing was achieved for give_up_s, and ends what waits for a server", async () => {
    expect(await endOf(() => undefined)).toMatchObject({ second: 10, gaveUp: true });
    expect(await endOf((second, progress) => second === 7 && progress.made())).toMatchObject({ second: 17, gaveUp: true });
  });

  it("goes on as long as something is achieved now and then", async () => {
    expect(await endOf((second, progress) => second % 9 === 0 && progress.made())).toMatchObject({ second: null, gaveUp: false });
  });

  it("tells the last cause of each, and none from before the last progress", async () => {
    const { message } = await endOf((second, progress) => {
      progress.hindered("http://old", `was away at ${second}`);
      if (second === 3) progress.made();
      if (second > 3) progress.hindered("http://1", `Cannot GET http://1/queue: 500 (${second})`);
    });
    expect(message).toMatch(/nothing was achieved for 10 s .*The last causes: /);
    expect(message).toContain("http://old: was away at 13; Cannot GET http://1/queue: 500 (13)");
    expect((await endOf((second, progress) => second === 2 && (progress.hindered("s", "old"), progress.made()))).message).not.toContain(
      "old",
    );
  });

  it("does not count the time in which a stage has nothing to do", async () => {
    let second = 0;
    const isWaiting = (): boolean => second > 50;
    expect(await endOf((now) => void (second = now), { isWaiting })).toMatchObject({ second: 60 });
  });

  it("does not count the time in which the process stood still", async () => {
    expect(await endOf((second, _progress, pass) => second === 5 && pass(60_000))).toMatchObject({ second: 70 });
  });

  it("does what is left to do first, and goes on for as long again", async () => {
    let resorts = 1;
    expect(await endOf(() => undefined, { lastResort: () => resorts-- > 0 })).toMatchObject({ second: 20 });
  });
});
