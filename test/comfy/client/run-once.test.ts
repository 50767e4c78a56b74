import { afterEach, describe, expect, it } from "vitest";
import { comfyClient, type ComfyClient } from "../../../src/comfy/client/client.ts";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.ts";
import { runOnce, type Whereabouts } from "../../../src/comfy/client/run-once.ts";
import { RejectError, TransientError } from "../../../src/errors.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { tinyGraph } from "../graph/tiny-graph.ts";

const { signal } = new AbortController();
const PROMPT_ID = "3c836368-298b-553c-9a70-ad14bab1d841";
let emulator: Emulator;
let client: ComfyClient;
afterEach(async () => {
  await client.close();
  await emulator.stop();
});

async function open(options: EmulatorOptions = {}): Promise<void> {
  emulator = await startEmulator(options);
  client = comfyClient({ url: emulator.url, headers: {} });
}

function run({
  timeoutMs = 10_000,
  standstillMs = 10_000,
  stop = signal,
  onLook = (_where: Whereabouts): void => undefined,
} = {}): Promise<number> {
  const submission = { prompt: tinyGraph("once"), promptId: PROMPT_ID, clientId: "c", mark: { job: "canary", attempt: 1 } };
  const options = { clock: systemClock, timeoutMs, standstillMs, onLook, signal: stop, cleanUpSignal: signal };
  return runOnce(client, submission, { ...options, use: (entry) => Promise.resolve(entry.outputs.length) });
}

async function expectNothingLeft(): Promise<void> {
  expect(await client.queueRemaining(signal)).toBe(0);
  expect(await Array.fromAsync(client.historyAll(signal))).toEqual([]);
}

describe("runOnce()", () => {
  it.each([
    {},
    { promptIds: "own" as const },
    { promptIds: "own" as const, faults: "submit-reset" },
    { faults: "submit-reset", execMs: 200 },
  ])("runs a prompt on a server with %j and leaves nothing behind", async (options) => {
    await open(options);
    expect(await run()).toBe(1);
    expect(emulator.stats.executed).toBe(1);
    await expectNothingLeft();
  });

  it("rejects with ComfyUI's words where the workflow is refused", async () => {
    await open({ faults: "reject" });
    const error = await run().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RejectError);
    expect((error as Error).message).toMatch(/refuses the workflow: node \d+ \(\w+\): Value not in list: ckpt_name/);
  });

  it("gives up after its time, and takes the prompt out of the queue", async () => {
    await open({ execMs: 600 });
    await client.submit({ prompt: tinyGraph("others"), promptId: "another", clientId: "o" }, signal);
    const error = await run({ timeoutMs: 100 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransientError);
    expect((error as Error).message).toMatch(/Cannot run a prompt on http:\S+ within 0 s: 1 prompt before it/);
    expect((await client.queue(signal)).pending).toEqual([]);
    while ((await client.queueRemaining(signal)) > 0) await systemClock.sleep(20);
    expect([...emulator.executions.keys()], "the other person's prompt went on").toEqual(["another"]);
  });

  it("gives up where nothing before it ends, and says how many there are", async () => {
    await open({ faults: "stall:1:always" });
    for (const id of ["one", "two", "three"]) await client.submit({ prompt: tinyGraph(id), promptId: id, clientId: "o" }, signal);
    const looks: Whereabouts[] = [];
    const error = await run({ standstillMs: 300, onLook: (where) => looks.push(where) }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransientError);
    expect((error as Error).message).toMatch(/^Cannot run a prompt on http:\S+: 3 prompts before it, and none of them ended within 0 s$/);
    expect(looks[0]).toEqual({ promptsAhead: 3, isRunning: false });
    expect((await client.queue(signal)).pending.map(({ promptId }) => promptId)).toEqual(["two", "three"]);
  });

  it("waits for a queue that moves, for longer than one that stands still", async () => {
    await open({ execMs: 300 });
    for (const id of ["one", "two", "three"]) await client.submit({ prompt: tinyGraph(id), promptId: id, clientId: "o" }, signal);
    expect(await run({ standstillMs: 800 })).toBe(1);
  });

  it("interrupts the prompt that runs, when it is stopped", async () => {
    await open({ faults: "stall" });
    const stopping = new AbortController();
    const running = run({ stop: stopping.signal });
    while ((await client.queueRemaining(signal)) === 0) await systemClock.sleep(20);
    await systemClock.sleep(400);
    stopping.abort();
    await expect(running).rejects.toThrow(/abort/i);
  });
});
