import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { startEmulator, type Emulator } from "../../src/comfy/emulator.ts";
import { dumpsPython, isPyDict, loadsPython, type PyDict, type PyValue } from "../../src/comfy/emulator/python-json.ts";
import { CASES } from "./emulator-contract-cases.ts";
import {
  dictAt,
  differences,
  jsonOf,
  readExchange,
  readPython,
  RECORDINGS,
  recordingNames,
  send,
  stringOf,
  textAt,
  type Answer,
  type Exchange,
} from "./emulator-recordings.ts";

// Every recorded exchange of the real server is sent to the emulator again, after what made the real server answer so.

/** `http/NAME.json` → why the emulator differs on purpose. */
const EXCUSED = new Map(
  [...readFileSync(join(RECORDINGS, "DIFFERENCES.md"), "utf8").matchAll(/^- `http\/([\w]+\.json)`: (.+)$/gm)].map((match) => [
    match[1] ?? "",
    match[2] ?? "",
  ]),
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
      const change = (await setUp?.({ server, exchange })) ?? {};
      const body = change.body ?? bodyOf(exchange.body);
      const { method, path } = exchange;
      const answer = await send(server, {
        method,
        path,
        headers: { ...exchange.headers, ...change.headers },
        ...(body === undefined ? {} : { body }),
      });
      const found = compare(exchange, answer);
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
