import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../src/emulator/emulator.ts";
import { emulatorDisk } from "../../src/emulator/files/disk.ts";
import { isPyDict, isPyList, loadsPython, type PyDict, type PyValue } from "../../src/emulator/python-json.ts";
import {
  dictAt,
  differences,
  readExchange,
  readWorkflow,
  RECORDINGS,
  recordingNames,
  run,
  send,
  submit,
  textAt,
  withInputs,
} from "./emulator-recordings.ts";

// Every recorded WebSocket sequence is lived through again; frames are compared one by one, without their times.

type Frame = { readonly text: PyDict } | { readonly binary: PyDict } | { readonly closed: PyValue } | { readonly mark: PyValue };

interface Recording {
  readonly meta: PyDict;
  readonly frames: readonly Frame[];
}

function readRecording(name: string): Recording {
  const lines = readFileSync(join(RECORDINGS, "ws", name), "utf8")
    .trim()
    .split("\n")
    .map(loadsPython)
    .filter(isPyDict);
  const frames = lines.flatMap((line): Frame[] => {
    const [text, binary] = [line.get("text"), line.get("binary")];
    if (isPyDict(text)) return [{ text }];
    if (isPyDict(binary)) return [{ binary }];
    if (line.has("mark")) return [{ mark: line.get("mark") ?? null }];
    return line.has("closed") ? [{ closed: line.get("closed") ?? null }] : [];
  });
  return { meta: dictAt(lines[0] ?? new Map(), "meta"), frames };
}

/** A socket that keeps what it gets. */
interface Listener {
  readonly frames: Frame[];
  /** Resolves when a frame is there that `matches`. */
  until(matches: (frame: Frame) => boolean): Promise<void>;
  close(): Promise<void>;
}

const open: WebSocket[] = [];

async function listen(server: Emulator, clientId?: string): Promise<Listener> {
  const query = clientId === undefined ? "" : `?clientId=${clientId}`;
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws${query}`);
  socket.binaryType = "arraybuffer";
  open.push(socket);
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  const add = (frame: Frame): void => {
    frames.push(frame);
    for (const check of waiting) check();
  };
  socket.addEventListener("message", ({ data }: { data: unknown }) => {
    if (typeof data === "string") return add({ text: loadsPython(data) as PyDict }); // every text frame is an object
    const view = new DataView(data as ArrayBuffer); // binaryType above
    add({
      binary: new Map<string, PyValue>([
        ["event_type", BigInt(view.getUint32(0))],
        ["image_format", BigInt(view.getUint32(4))],
      ]),
    });
  });
  const closed = Promise.withResolvers<void>();
  socket.addEventListener("close", ({ code, wasClean }) => {
    add({ closed: wasClean ? null : BigInt(code) });
    closed.resolve();
  });
  const until = (matches: (frame: Frame) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!frames.some(matches)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  await until(isType("status"));
  return {
    frames,
    until,
    async close() {
      socket.close();
      await closed.promise;
    },
  };
}

function isType(type: string, node?: string | null): (frame: Frame) => boolean {
  return (frame) =>
    "text" in frame && textAt(frame.text, "type") === type && (node === undefined || dictAt(frame.text, "data").get("node") === node);
}

function isOver(promptId: string): (frame: Frame) => boolean {
  return (frame) => isType("executing", null)(frame) && "text" in frame && dictAt(frame.text, "data").get("prompt_id") === promptId;
}

/** How two lists of frames differ, one line a frame. */
function frameDifferences(recorded: readonly Frame[], actual: readonly Frame[]): string[] {
  const found: string[] = [];
  for (let index = 0; index < Math.max(recorded.length, actual.length); index++) {
    const [before, after] = [recorded[index], actual[index]];
    if (before === undefined || after === undefined) found.push(`${String(index)}: ${label(before)} became ${label(after)}`);
    else found.push(...differences(comparable(before), comparable(after), `${String(index)} ${label(before)}`));
  }
  return found;
}

function label(frame: Frame | undefined): string {
  if (frame === undefined) return "nothing";
  return "text" in frame ? textAt(frame.text, "type") : Object.keys(frame).join("");
}

function comparable(frame: Frame): PyValue {
  if ("text" in frame) return frame.text;
  if ("binary" in frame) return new Map(["event_type", "image_format"].map((key) => [key, frame.binary.get(key) ?? null]));
  return "closed" in frame ? frame.closed : frame.mark;
}

const withoutMarks = (frames: readonly Frame[]): Frame[] => frames.filter((frame) => !("mark" in frame));
/** Status frames come when somebody submits, which is a race where two prompts are sent. */
const withoutStatus = (frames: readonly Frame[]): Frame[] => withoutMarks(frames).filter((frame) => !isType("status")(frame));

const tiny = readWorkflow("tiny");
const batch3 = readWorkflow("tiny_batch3");
const slow = readWorkflow("slow_interruptible");

/** The same graph with other seeds: nothing but EmptyImage is in the cache for it. */
const otherSlow = withInputs(slow, { "10.seed": 99n, "99.filename_prefix": "other/s" });

function named(graph: PyDict, prefix: string, seed: bigint): PyDict {
  return withInputs(graph, { "2.seed": seed, "3.filename_prefix": prefix });
}

/** The graph with its nodes in another order. */
function ordered(graph: PyDict, ...nodeIds: readonly string[]): PyDict {
  return new Map(nodeIds.map((nodeId) => [nodeId, graph.get(nodeId) ?? null]));
}

function ksamplerGraph(): PyDict {
  const { response } = readExchange("history_id_ksampler.json");
  const [entry] = isPyDict(response.body) ? [...response.body.values()] : [];
  const item = isPyDict(entry) ? entry.get("prompt") : undefined;
  const graph = isPyList(item) ? item[2] : undefined;
  if (!isPyDict(graph)) throw new TypeError("no graph");
  return graph;
}

interface Play {
  readonly options?: EmulatorOptions;
  readonly compared?: (frames: readonly Frame[]) => Frame[];
  /** Does again what was recorded; returns what the recording socket got. */
  act(server: Emulator, meta: PyDict): Promise<readonly Frame[]>;
}

/** One client, one prompt, after others. */
function single(
  prompt: PyDict,
  { before = [], options = {} }: { readonly before?: readonly PyDict[]; readonly options?: EmulatorOptions } = {},
): Play {
  return {
    options,
    async act(server, meta) {
      for (const [index, graph] of before.entries()) await run(server, { prompt: graph, prompt_id: `before${String(index)}` });
      const listener = await listen(server, "w1");
      const promptId = textAt(meta, "prompt_id") || "a280ccd3-2fa0-4845-8eb6-6552f8bf85e5";
      await submit(server, { prompt, prompt_id: promptId, client_id: "w1" });
      await listener.until(isOver(promptId));
      await listener.close();
      return listener.frames;
    },
  };
}

function listening(prompt: PyDict, { before = [], clientId }: { readonly before?: readonly PyDict[]; readonly clientId?: string }): Play {
  return {
    async act(server, meta) {
      for (const [index, graph] of before.entries()) await run(server, { prompt: graph, prompt_id: `before${String(index)}` });
      const listener = await listen(server, "listener");
      await run(server, { prompt, prompt_id: textAt(meta, "prompt_id"), ...(clientId === undefined ? {} : { client_id: clientId }) });
      await listener.close();
      return listener.frames;
    },
  };
}

function twoClients(own: "w1" | "w2"): Play {
  return {
    async act(server, meta) {
      const ids = { w1: textAt(meta, own === "w1" ? "mine" : "other"), w2: textAt(meta, own === "w1" ? "other" : "mine") };
      const listeners = { w1: await listen(server, "w1"), w2: await listen(server, "w2") };
      for (const clientId of ["w1", "w2"] as const) {
        const prompt = named(tiny, clientId === "w1" ? "run1/ab/two_a" : "run1/ab/two_b", clientId === "w1" ? 1n : 2n);
        await submit(server, { prompt, prompt_id: ids[clientId], client_id: clientId });
        await listeners[clientId].until(isOver(ids[clientId]));
      }
      await listeners.w2.close();
      await listeners.w1.close();
      return listeners[own].frames;
    },
  };
}

const PLAYS: Readonly<Record<string, Play>> = {
  "connect_without_clientId.jsonl": {
    async act(server) {
      const listener = await listen(server);
      await listener.close();
      return listener.frames;
    },
  },
  "execution_error_then_next.jsonl": {
    compared: withoutStatus,
    async act(server, meta) {
      await run(server, { prompt: named(tiny, "before/x", 1n), prompt_id: "before" });
      const listener = await listen(server, "w1");
      const [first, second] = [textAt(meta, "first"), textAt(meta, "second")];
      await submit(server, { prompt: readWorkflow("runtime_error"), prompt_id: first, client_id: "w1" });
      await submit(server, { prompt: named(tiny, "run1/ab/after_error", 9n), prompt_id: second, client_id: "w1" });
      await listener.until(isOver(second));
      await listener.close();
      return listener.frames;
    },
  },
  "interrupted_then_next.jsonl": {
    options: { execMs: 700 },
    compared: withoutStatus,
    async act(server, meta) {
      await run(server, { prompt: otherSlow, prompt_id: "before" });
      const listener = await listen(server, "w1");
      const [first, second] = [textAt(meta, "first"), textAt(meta, "second")];
      await submit(server, { prompt: slow, prompt_id: first, client_id: "w1" });
      await submit(server, { prompt: named(tiny, "q/after_interrupt", 3n), prompt_id: second, client_id: "w1" });
      await listener.until(isType("executing", "13"));
      await send(server, { method: "POST", path: "/interrupt", body: "{}" });
      await listener.until(isOver(second));
      await listener.close();
      return listener.frames;
    },
  },
  "ksampler_first_run.jsonl": single(ksamplerGraph(), { options: { checkpoints: ["random-sd15.safetensors"] } }),
  "ksampler_second_seed_cached_loader.jsonl": single(
    withInputs(ksamplerGraph(), { "3.seed": 156_680_208_700_287n, "9.filename_prefix": "run1/ab/p000001_s156680208700287" }),
    { before: [ksamplerGraph()], options: { checkpoints: ["random-sd15.safetensors"] } },
  ),
  "other_clients_view_of_prompt_with_client_id.jsonl": listening(tiny, { clientId: "away" }),
  "other_clients_view_of_prompt_without_client_id.jsonl": listening(tiny, { before: [named(tiny, "before/x", 1n)] }),
  "other_clients_view_of_prompt_without_client_id_error.jsonl": listening(readWorkflow("runtime_error"), {}),
  "progress_and_binary_preview.jsonl": single(ordered(readWorkflow("progress_and_binary_preview"), "1", "2", "4", "3")),
  "reconnect_after_the_end.jsonl": {
    async act(server, meta) {
      await run(server, { prompt: tiny, prompt_id: textAt(meta, "prompt_id"), client_id: "w1" });
      const listener = await listen(server, "w1");
      await listener.close();
      return listener.frames;
    },
  },
  "reconnect_mid_run.jsonl": {
    options: { execMs: 1500, ...diskWithCounter() },
    async act(server, meta) {
      const promptId = textAt(meta, "prompt_id");
      const first = await listen(server, "w1");
      await submit(server, { prompt: slow, prompt_id: promptId, client_id: "w1" });
      await first.until(isType("executing", "11"));
      await first.close();
      // The recording is of a client that came back while node 12 ran; the first frame after the greeting tells.
      let second = await listen(server, "w1");
      for (;;) {
        await second.until(isType("executing"));
        const [, greeting] = second.frames;
        if (greeting !== undefined && isType("executing", "12")(greeting)) break;
        await second.close();
        second = await listen(server, "w1");
      }
      await second.until(isOver(promptId));
      await second.close();
      return [...first.frames, ...second.frames];
    },
  },
  "server_killed_mid_run.jsonl": {
    options: { execMs: 1500 },
    async act(server, meta) {
      const listener = await listen(server, "w1");
      await submit(server, { prompt: slow, prompt_id: textAt(meta, "prompt_id"), client_id: "w1" });
      await listener.until(isType("executing", "12"));
      await server.kill();
      await listener.until((frame) => "closed" in frame);
      return listener.frames;
    },
  },
  "success.jsonl": single(named(tiny, "run1/ab/p000001_s1", 1n)),
  "success_batch3_partly_cached.jsonl": single(named(batch3, "run1/ab/p000002_s2", 2n)),
  "success_empty_image_cached.jsonl": single(named(batch3, "run1/ab/p000003_s3", 3n), {
    before: [named(batch3, "run1/ab/p000002_s2", 2n)],
  }),
  "two_clients_first.jsonl": twoClients("w1"),
  "two_clients_second.jsonl": twoClients("w2"),
  "two_outputs_save_and_preview.jsonl": single(ordered(readWorkflow("save_and_preview"), "1", "2", "5", "3"), {
    before: [named(tiny, "before/x", 1n)],
  }),
};

/** The recorded server had saved one file of the slow workflow before. */
function diskWithCounter(): EmulatorOptions {
  const disk = emulatorDisk();
  disk.saveBytes({ type: "output", subfolder: "slow", filename: "s_00001_.png" }, Buffer.from("earlier"));
  return { disk };
}

let server: Emulator | undefined;
afterEach(async () => {
  for (const socket of open.splice(0)) socket.close();
  await server?.stop();
  server = undefined;
});

describe("emulator sends as recorded", () => {
  for (const name of recordingNames("ws")) {
    test(`sends ${name}`, async () => {
      const play = PLAYS[name];
      if (play === undefined) throw new Error("no play for this recording");
      server = await startEmulator(play.options);
      const { meta, frames } = readRecording(name);
      const compared = play.compared ?? withoutMarks;
      const actual = await play.act(server, meta);
      expect(frameDifferences(compared(frames), compared(actual))).toEqual([]);
    });
  }
});
