import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { dumpsPython, isPyDict, loadsPython, type PyDict, type PyValue } from "../../src/emulator/python-json.ts";
import { CASES, type Case, type StageServer } from "./emulator-contract-cases.ts";
import {
  answerWithUuids,
  dictAt,
  differences,
  historyOf,
  jsonOf,
  NEWER_RECORDINGS,
  readExchange,
  readPython,
  RECORDINGS,
  recordingNames,
  send,
  stringOf,
  submit,
  textAt,
  uuidOf,
  type Answer,
  type Exchange,
} from "./emulator-recordings.ts";
import { NEWER_NODE_DEFINITIONS_JSONL } from "../../src/emulator/nodes/node-definitions.ts";

// Every recorded exchange of the real server is sent to the emulator again, after what made the real server answer so.

/** `http/NAME.json` → why the emulator differs on purpose. */
const EXCUSED = new Map(
  [...readFileSync(join(RECORDINGS, "DIFFERENCES.md"), "utf8").matchAll(/^- `http\/([\w]+\.json)`: (.+)$/gm)].map((match) => [
    match[1] ?? "",
    match[2] ?? "",
  ]),
);

/** What of the classes recorded of 0.33.0 the emulator runs. */
const PLAYED = new Set(
  NEWER_NODE_DEFINITIONS_JSONL.trim()
    .split("\n")
    .map((line) => `${(JSON.parse(line) as { readonly name: string }).name}.json`),
);

let server: Emulator | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

describe("emulator answers as recorded", () => {
  for (const name of recordingNames("http")) {
    const { options = {}, setUp } = CASES[name] ?? {};
    const isExcused = EXCUSED.has(name);
    test(`${name}${isExcused ? " (differs on purpose)" : ""}`, async () => {
      server = await startEmulator(options);
      const exchange = readExchange(name);
      const found = compare(exchange, await relive({ server, exchange, setUp }));
      expect({ differs: found.length > 0, found: isExcused ? [] : found }, "an excuse without a difference must go").toEqual({
        differs: isExcused,
        found: [],
      });
    });
  }

  for (const name of recordingNames("object_info")) {
    test(`object_info/${name}`, async () => {
      server = await startEmulator({ checkpoints: [] });
      const recording = readPython(`object_info/${name}`);
      const answer = await send(server, { path: textAt(dictAt(recording, "request"), "path") });
      const recorded = dictAt(recording, "response", "body");
      // The file lists are the machine's own.
      const found = differences(recorded, jsonOf(answer)).filter((text) => !text.includes("required.image[0]"));
      expect(found).toEqual([]);
    });
  }

  test("every excuse names a recording", () => {
    expect([...EXCUSED.keys()].filter((name) => !recordingNames("http").includes(name))).toEqual([]);
  });
});

// As 0.33.0 it answers as that was recorded, and where that was not, as 0.3.64, since nothing else was found: to UUIDs in place of other
// ids.
describe("emulator of 0.33.0 answers as recorded", () => {
  const newer = recordingNames("http", NEWER_RECORDINGS);
  for (const name of new Set([...recordingNames("http"), ...newer])) {
    if (EXCUSED.has(name)) continue;
    test(`http/${name}`, async () => {
      const { options = {}, setUp } = CASES[name] ?? {};
      const emulator = await startEmulator({ ...options, comfy: "0.33.0" });
      server = emulator;
      const exchange = newer.includes(name) ? readExchange(name, NEWER_RECORDINGS) : readExchange(name);
      const answer = await relive({ server: { ...emulator, wantsUuids: !name.endsWith("no_uuid.json") }, exchange, setUp });
      const { response } = exchange;
      const expected = { ...exchange, response: { ...response, body: answerWithUuids(response.body) } };
      const isAsRecorded = newer.includes(name);
      expect(compare(expected, answer).filter((text) => isAsRecorded || !text.endsWith(".create_time: added"))).toEqual([]);
    });
  }

  for (const name of recordingNames("object_info", NEWER_RECORDINGS)) {
    const recording = readPython(`object_info/${name}`, NEWER_RECORDINGS);
    const recorded = dictAt(recording, "response", "body");
    if (recorded.size === 0 || !PLAYED.has(name)) continue;
    test(`object_info/${name}`, async () => {
      server = await startEmulator({ checkpoints: [], comfy: "0.33.0" });
      const answer = await send(server, { path: textAt(dictAt(recording, "request"), "path") });
      // The file lists are the machine's own.
      expect(differences(recorded, jsonOf(answer)).filter((text) => !/required\.(image|\w+_name)\[0\]/.test(text))).toEqual([]);
    });
  }

  test("a node without _meta whose class is replaced is a 500, with it it runs", async () => {
    server = await startEmulator({ comfy: "0.33.0" });
    const graph = (meta: object) => ({
      "1": { class_type: "EmptyImage", inputs: { width: 64, height: 32, batch_size: 1, color: 5 } },
      "2": { class_type: "ResizeImagesByLongerEdge", inputs: { images: ["1", 0], longer_edge: 32 }, ...meta },
      "3": {
        class_type: "SaveImageAdvanced",
        inputs: {
          images: ["2", 0],
          filename_prefix: "a/x",
          format: "png",
          "format.bit_depth": "8-bit",
          "format.input_color_space": "sRGB",
        },
      },
    });
    const post = (prompt: object, promptId: string): Promise<Answer> =>
      send(server ?? { url: "" }, { method: "POST", path: "/prompt", body: JSON.stringify({ prompt, prompt_id: promptId }) });
    expect((await post(graph({}), uuidOf("a"))).status).toBe(500);
    expect((await post(graph({ _meta: { title: "Resize" } }), uuidOf("b"))).status).toBe(200);
    const entry = await historyOf(server, uuidOf("b"));
    expect(dumpsPython(dictAt(entry, "outputs"))).toContain('"filename": "x_00001.png", "subfolder": "a"');
  });

  test("a waiting prompt and a running one are cancelled by their ids", async () => {
    const emulator = await startEmulator({ comfy: "0.33.0", execMs: 3_000 });
    server = emulator;
    const slow = readPython("workflow_slow_interruptible.json");
    await submit(emulator, { prompt: slow, prompt_id: uuidOf("runs") });
    await submit(emulator, { prompt: slow, prompt_id: uuidOf("waits") });
    const cancel = async (id: string): Promise<PyValue | undefined> =>
      jsonOf(await send(emulator, { method: "POST", path: `/api/jobs/${uuidOf(id)}/cancel` })).get("cancelled");
    expect(await cancel("waits")).toBe(true);
    expect(await cancel("waits")).toBe(false);
    expect(await cancel("runs")).toBe(true);
    const entry = await historyOf(emulator, uuidOf("runs"));
    expect(dumpsPython(dictAt(entry, "status"))).toContain("execution_interrupted");
  });
});

interface Reliving {
  readonly server: StageServer;
  readonly exchange: Exchange;
  readonly setUp: Case["setUp"];
}

/** Puts the server into the recorded state and sends the recorded request. */
async function relive({ server: asked, exchange, setUp }: Reliving): Promise<Answer> {
  const change = (await setUp?.({ server: asked, exchange })) ?? {};
  const body = change.body ?? bodyOf(exchange.body);
  const { method, path } = exchange;
  return send(asked, { method, path, headers: { ...exchange.headers, ...change.headers }, ...(body === undefined ? {} : { body }) });
}

function bodyOf(body: PyValue): string | undefined {
  if (body === null) return undefined;
  return typeof body === "string" ? body : dumpsPython(body);
}

function compare({ response, method, body: sent }: Exchange, answer: Answer): string[] {
  // Without one in the request the server draws a prompt_id.
  const hasOwnId = isPyDict(sent) && sent.has("prompt_id");
  const found: string[] = [];
  if (answer.status !== response.status)
    found.push(`status ${String(response.status)} became ${String(answer.status)}: ${answer.bytes.toString("utf8").slice(0, 300)}`);
  if (response.reason !== "" && answer.reason !== response.reason) found.push(`reason ${response.reason} became ${answer.reason}`);
  found.push(...headerDifferences(response.headers, answer.headers));
  const { body } = response;
  if (isPyDict(body) && body.has("$binary")) {
    const magic = textAt(dictAt(body, "$binary"), "first16_hex").slice(0, 6);
    const startsInside = !textAt(response.headers, "Content-Range").startsWith("bytes 0-") && response.status === 206;
    if (method !== "HEAD" && !startsInside && answer.bytes.toString("hex", 0, 3) !== magic)
      found.push(`the body does not begin with ${magic}`);
    return found;
  }
  const bodyText = answer.bytes.toString("utf8");
  const isJson = textAt(response.headers, "Content-Type").startsWith("application/json");
  const actual = isJson ? loadsPython(bodyText) : bodyText;
  return [...found, ...differences(withoutMarkers(body, actual), actual).filter((text) => !text.startsWith(".prompt_id:") || hasOwnId)];
}

/** Recordings that were shortened by hand hold "<entry of h3>" for what is recorded elsewhere. */
function withoutMarkers(recorded: PyValue, actual: PyValue): PyValue {
  if (!isPyDict(recorded) || !isPyDict(actual)) return recorded;
  return new Map(
    [...recorded].map(([key, value]) => [
      key,
      typeof value === "string" && value.startsWith("<entry of") ? (actual.get(key) ?? value) : value,
    ]),
  );
}

function headerDifferences(recorded: PyDict, actual: PyDict): string[] {
  // A few recordings were made with a client that lower-cases names.
  const lower = (headers: PyDict): Map<string, string> =>
    new Map([...headers].map(([name, value]) => [name.toLowerCase(), stringOf(value).replace(/_temp_[a-z]{5}/, "_temp_xxxxx")]));
  const [before, after] = [lower(recorded), lower(actual)];
  // The recordings' own Connection header was kept where aiohttp closes; Node's is not compared.
  before.delete("connection");
  const names = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.has(name) !== after.has(name));
  const values = ["content-type", "content-disposition", "accept-ranges", "server"].filter((name) => before.get(name) !== after.get(name));
  return [
    ...names.map((name) => `header ${name}: ${before.has(name) ? "missing" : "added"}`),
    ...values.map((name) => `header ${name}: ${before.get(name) ?? ""} became ${after.get(name) ?? ""}`),
  ];
}
