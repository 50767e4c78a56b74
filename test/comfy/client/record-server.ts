import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dumpsPython, isPyDict, loadsPython, type PyDict, type PyValue } from "../../../src/emulator/python-json.ts";
import { CASES, type StageServer } from "../../emulator/emulator-contract-cases.ts";
import {
  answerWithUuids,
  differences,
  readExchange,
  recordingNames,
  send,
  textAt,
  withUuids,
  type Answer,
  type Exchange,
  type Sent,
} from "../../emulator/emulator-recordings.ts";

// `node test/comfy/record-server.ts URL BASE FOLDER [NAME …]` lives through every recorded exchange of 0.3.64 with a real server whose
// --base-directory is BASE, which it empties each time, and writes those that come out otherwise to FOLDER/http. BASE must belong to nobody
// else. Recordings that need the server killed are made by hand: see the README of the recordings.

const [url, base, folder, ...only] = process.argv.slice(2);
if (url === undefined || base === undefined || folder === undefined) throw new Error("usage: record-server.ts URL BASE FOLDER [NAME …]");
const BY_HAND = new Set(["history_after_sigkill_restart.json", "queue_get_after_sigkill_restart.json", "history_id_evicted.json"]);
const server: StageServer = { url, wantsUuids: true, restart: () => Promise.reject(new Error("by hand")) };
mkdirSync(join(folder, "http"), { recursive: true });

for (const name of recordingNames("http")) {
  if (BY_HAND.has(name) || (only.length > 0 && !only.includes(name))) continue;
  await empty();
  const exchange = readExchange(name);
  const change = await setUp(name, exchange).catch((error: unknown) => String(error));
  if (typeof change === "string") {
    process.stdout.write(`FAILED ${name}: ${change}\n`);
    continue;
  }
  const { method, path, body } = exchange;
  const sentBody = change.body ?? (body === null ? undefined : typeof body === "string" ? body : dumpsPython(body));
  const asked: Sent = withUuids({
    method,
    path,
    headers: { ...exchange.headers, ...change.headers },
    ...(sentBody === undefined ? {} : { body: sentBody }),
  });
  const answer = await send(server, asked);
  const found = compare(exchange, answer);
  process.stdout.write(`${found.length === 0 ? "same" : "OTHER"} ${name}${found.map((text) => `\n    ${text.slice(0, 300)}`).join("")}\n`);
  const file = join(folder, "http", name);
  rmSync(file, { force: true });
  if (found.length > 0) writeFileSync(file, `${recordingText(asked, answer, exchange)}\n`);
}

async function setUp(name: string, exchange: Exchange) {
  return (await CASES[name]?.setUp?.({ server, exchange })) ?? {};
}

/** Nothing waits, nothing is remembered, and no file lies there. */
async function empty(): Promise<void> {
  const post = (path: string, body: string): Promise<Answer> =>
    send(server, { method: "POST", path, body, headers: { "Content-Type": "application/json" } });
  await post("/queue", '{"clear": true}');
  await post("/interrupt", "");
  while (!(await send(server, { path: "/prompt" })).bytes.toString().includes('"queue_remaining": 0'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  await post("/history", '{"clear": true}');
  await post("/free", '{"free_memory": true}');
  await new Promise((resolve) => setTimeout(resolve, 150));
  for (const place of ["output", "temp"])
    for (const entry of readdirSync(join(base ?? "", place))) rmSync(join(base ?? "", place, entry), { recursive: true });
  for (const entry of readdirSync(join(base ?? "", "input")))
    if (entry !== "example.png") rmSync(join(base ?? "", "input", entry), { recursive: true });
}

function bodyOf({ bytes, headers }: Answer): PyValue {
  const type = textAt(headers, "Content-Type");
  if (type.startsWith("application/json")) return loadsPython(bytes.toString("utf8"));
  if (bytes.length === 0 || type.startsWith("text/")) return bytes.toString("utf8");
  const facts: [string, PyValue][] = [
    ["length", BigInt(bytes.length)],
    ["sha256", createHash("sha256").update(bytes).digest("hex")],
    ["first16_hex", bytes.toString("hex", 0, 16)],
  ];
  return new Map([["$binary", new Map(facts)]]);
}

function compare({ response }: Exchange, answer: Answer): string[] {
  const isBinary = isPyDict(response.body) && response.body.has("$binary");
  const body = isBinary
    ? []
    : differences(answerWithUuids(response.body), bodyOf(answer)).filter((text) => !text.startsWith(".prompt_id: "));
  return [...(response.status === answer.status ? [] : [`status ${response.status} → ${answer.status}`]), ...body];
}

function recordingText(asked: Sent, answer: Answer, { body }: Exchange): string {
  const request: PyDict = new Map<string, PyValue>([
    ["method", asked.method ?? "GET"],
    ["path", asked.path],
    ["headers", new Map(Object.entries(asked.headers ?? {}))],
    ["body", typeof asked.body === "string" ? parsed(asked.body) : body],
  ]);
  const headers = new Map([...answer.headers].filter(([name]) => name !== "Date"));
  const response: PyDict = new Map<string, PyValue>([
    ["status", BigInt(answer.status)],
    ["reason", answer.reason],
    ["headers", headers],
    ["body", bodyOf(answer)],
  ]);
  return dumpsPython(
    new Map([
      ["request", request],
      ["response", response],
    ]),
  );
}

function parsed(text: string): PyValue {
  try {
    return loadsPython(text);
  } catch {
    return text;
  }
}
