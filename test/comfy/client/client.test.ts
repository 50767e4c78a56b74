import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { comfyClient } from "../../../src/comfy/client/client.ts";
import { TransientError } from "../../../src/errors.ts";
import { isJsonObject, parseExact, stringifyExact, type JsonObject } from "../../../src/lib/exact-json.ts";
import { bytesOf, objectOf, readRecording, recordingNames, replay, textOf, type Received } from "./replay-server.ts";
import { CASES, FAILURES, NOT_ASKED, signal } from "./recorded-cases.ts";

// Every exchange with a real ComfyUI that the client can have is had again: what it sends has to be what was recorded, and what it
// makes of the recorded answer is written out here.

describe("comfyClient() with recorded answers", () => {
  test.each(Object.keys(CASES))("%s", async (name) => {
    const { call, expected } = CASES[name]!;
    await using server = await replay(name);
    const client = comfyClient({ url: server.url + prefixOf(name), headers: { authorization: "Bearer t0ken" } });
    try {
      expect(await call(client)).toEqual(expected);
    } finally {
      await client.close();
    }
    expect(server.received).toHaveLength(1);
    expectAsRecorded(name, server.received[0]!);
  });

  test.each(Object.keys(FAILURES))("%s is an error that says so", async (name) => {
    const { call, message, type = TransientError } = FAILURES[name]!;
    await using server = await replay(name);
    const client = comfyClient({ url: server.url, headers: {} });
    try {
      const error = await call(client).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(type);
      expect((error as Error).message).toContain(message);
      expect((error as Error).message).toContain(server.url);
    } finally {
      await client.close();
    }
  });

  test("no recording is forgotten", () => {
    const known = [...Object.keys(CASES), ...Object.keys(FAILURES), ...Object.keys(NOT_ASKED)];
    expect(known.toSorted()).toEqual(recordingNames().toSorted());
  });

  test("the bytes of /view are the recorded bytes", async () => {
    await using server = await replay("view_png");
    const client = comfyClient({ url: server.url, headers: {} });
    const answer = await client.view({ filename: "view_s42_00001_.png", subfolder: "run1/ab", type: "output" }, signal);
    if (answer.kind !== "found") throw new Error("not found");
    expect(await buffer(answer.body)).toEqual(bytesOf(readRecording("view_png").response.body));
    await client.close();
  });
});

describe("comfyClient()", () => {
  test("answers the id that a server gave a prompt in place of ours", async () => {
    await using server = await replay("prompt_ok_minimal");
    const client = comfyClient({ url: server.url, headers: {} });
    const submission = { prompt: {}, promptId: "3c836368-298b-453c-9a70-ad14bab1d841", clientId: "c" };
    const { response } = readRecording("prompt_ok_minimal");
    await expect(client.submit(submission, signal)).resolves.toMatchObject({
      kind: "accepted",
      promptId: objectOf(response.body)["prompt_id"],
    });
    await client.close();
  });
});

function prefixOf(name: string): string {
  return /^(\/api)\//.exec(readRecording(name).request.path)?.[1] ?? "";
}

/** The client may send more than a recorded request, and ids of its own; what both have has to be equal. */
function expectAsRecorded(name: string, received: Received): void {
  const { method, path, body } = readRecording(name).request;
  expect(received.method).toBe(method);
  expect(received.headers["authorization"]).toBe("Bearer t0ken");
  expect(received.headers["origin"]).toBeUndefined();
  const [asked, recorded] = [new URL(received.path, "http://host"), new URL(path, "http://host")];
  expect(decodeURIComponent(asked.pathname)).toBe(decodeURIComponent(recorded.pathname));
  expect(Object.fromEntries(asked.searchParams)).toMatchObject(Object.fromEntries(recorded.searchParams));
  if (!isJsonObject(body)) return;
  if (isJsonObject(body["$multipart"])) return expectMultipart(body["$multipart"], received);
  expect(received.headers["content-type"]).toBe("application/json");
  const sent = objectOf(parseExact(received.body.toString("utf8")));
  for (const [key, value] of Object.entries(body)) expect(stringifyExact(sent[key] ?? null), key).toBe(stringifyExact(value));
}

function expectMultipart({ fields, file }: JsonObject, received: Received): void {
  const text = received.body.toString("latin1");
  expect(received.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
  expect(text).toContain(`name="image"; filename="${textOf(objectOf(file)["filename"])}"`);
  for (const [key, value] of Object.entries(objectOf(fields))) expect(text).toContain(`name="${key}"\r\n\r\n${textOf(value)}\r\n`);
}
