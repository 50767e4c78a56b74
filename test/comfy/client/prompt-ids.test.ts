import { afterEach, describe, expect, it } from "vitest";
import { comfyClient, type ComfyClient } from "../../../src/comfy/client/client.ts";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.ts";
import { markIn, withMark } from "../../../src/comfy/client/job-mark.ts";
import { tinyGraph } from "../graph/tiny-graph.ts";
import { findByMark } from "../../../src/comfy/client/history-stream.ts";

// Servers of every age: those that keep the prompt_id they are sent, those that insist on a UUID, those that give their own.

const { signal } = new AbortController();
const OURS = "3c836368-298b-553c-9a70-ad14bab1d841";
const mark = { job: "ab".repeat(16), attempt: 2 };
let emulator: Emulator | undefined;
let client: ComfyClient | undefined;
afterEach(async () => {
  await client?.close();
  await emulator?.stop();
});

async function open(options: EmulatorOptions): Promise<ComfyClient> {
  emulator = await startEmulator(options);
  return (client = comfyClient({ url: emulator.url, headers: {} }));
}
const submission = (promptId = OURS) => ({ prompt: tinyGraph(promptId), promptId, clientId: "c", mark });

async function finished(comfy: ComfyClient, promptId: string) {
  for (;;) {
    const entry = await comfy.history(promptId, signal);
    if (entry !== null) return entry;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a job's mark", () => {
  it("stands beside the file's own extra_data and is read back; anything else is none", () => {
    const extraData = { extra_pnginfo: { workflow: {} } };
    const marked = withMark(extraData, { ...mark, promptId: OURS });
    expect(marked).toEqual({ ...extraData, comfy_dpo: { prompt_id: OURS, ...mark } });
    expect(markIn(marked)).toEqual({ promptId: OURS, ...mark });
    for (const other of [undefined, null, [], "x", {}, { comfy_dpo: 1 }, { comfy_dpo: { prompt_id: 1, job: "j", attempt: 1 } }]) {
      expect(markIn(other)).toBeNull();
    }
  });
});

describe.each(["any", "uuid"] as const)("a server that takes %s prompt_id", (promptIds) => {
  it("keeps ours", async () => {
    const comfy = await open({ promptIds, version: "0.26.1" });
    await expect(comfy.submit(submission(), signal)).resolves.toMatchObject({ kind: "accepted", promptId: OURS });
    expect((await finished(comfy, OURS)).mark).toEqual({ promptId: OURS, ...mark });
    expect((await comfy.systemStats(signal)).version).toBe("0.26.1");
  });
});

describe("a server that insists on UUIDs", () => {
  it("refuses other ids, in words that reach the user", async () => {
    const comfy = await open({ promptIds: "uuid" });
    for (const id of ["not-a-uuid", OURS.toUpperCase(), OURS.replaceAll("-", "")]) {
      await expect(comfy.submit(submission(id), signal)).resolves.toMatchObject({
        kind: "refused",
        message: expect.stringContaining("prompt_id must be a valid UUID"),
      });
    }
  });
});

describe("a server that gives its own ids", () => {
  it("answers its id, under which queue and history have the prompt, with our mark", async () => {
    const comfy = await open({ promptIds: "own", execMs: 300 });
    const answer = await comfy.submit(submission(), signal);
    if (answer.kind !== "accepted") throw new Error("not accepted");
    expect(answer.promptId).not.toBe(OURS);
    const { running, pending } = await comfy.queue(signal);
    expect([...running, ...pending]).toEqual([expect.objectContaining({ promptId: answer.promptId, mark: { promptId: OURS, ...mark } })]);
    expect(await comfy.history(OURS, signal)).toBeNull();
    expect(await finished(comfy, answer.promptId)).toMatchObject({ status: "success", mark: { promptId: OURS, ...mark } });
  });

  it("has its prompts found by their marks where the answer was lost", async () => {
    const comfy = await open({ promptIds: "own", faults: "submit-reset" });
    await expect(comfy.submit(submission(), signal)).resolves.toMatchObject({ kind: "unknown" });
    await comfy.submit({ prompt: tinyGraph("another"), promptId: "x", clientId: "c" }, signal);
    while ((await comfy.queueRemaining(signal)) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const found = await findByMark(comfy, [OURS, "00000000-0000-5000-8000-000000000000"], signal);
    expect([...found.keys()]).toEqual([OURS]);
    expect(found.get(OURS)).toMatchObject({ status: "success", mark: { promptId: OURS } });
    expect(
      await findByMark(
        {
          historyAll: () => {
            throw new Error("asked in vain");
          },
        },
        [],
        signal,
      ),
    ).toEqual(new Map());
  });
});

describe("/api/jobs", () => {
  it("of newer servers is emulated, and older ones have none: nothing here needs it", async () => {
    const comfy = await open({ jobsApi: true });
    const { url } = emulator!;
    await comfy.submit(submission(), signal);
    await finished(comfy, OURS);
    expect(await (await fetch(`${url}/api/jobs/${OURS}`)).json()).toEqual({ id: OURS, status: "completed" });
    expect(await (await fetch(`${url}/api/jobs`)).json()).toMatchObject({ jobs: [{ id: OURS }], pagination: { total: 1 } });
    expect((await fetch(`${url}/api/jobs/unknown`)).status).toBe(404);
  });
});
