import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Judge, JudgeImage } from "../../../src/judges/judge.ts";
import { createOpenaiJudge } from "../../../src/judges/openai/openai.ts";
import type { OpenaiJudgeConfig } from "../../../src/judges/openai/chat.ts";
import { judgeTroubleContract } from "../../contracts/judge-trouble.ts";
import { judgeContract, judgeImage } from "../../contracts/judge.ts";
import {
  answering,
  chatBodyOf,
  judgingAll,
  imagesOf,
  saying,
  startStandIn,
  type Respond,
  type StandIn,
} from "../../helpers/stand-ins/judge-stand-in.ts";
import { makeImage } from "../../helpers/images.ts";

const { signal } = new AbortController();
const configOf = (url: string, more: Partial<OpenaiJudgeConfig> = {}): OpenaiJudgeConfig => ({
  name: "vlm",
  kind: "openai",
  url: `${url}/v1`,
  model: "stand-in-vl",
  mode: "pointwise",
  pairs: "all",
  prompt_file: null,
  max_side: null,
  max_tokens: 64,
  headers: {},
  concurrency: 4,
  timeout_s: 20,
  ...more,
});
const open = (url: string, more: Partial<OpenaiJudgeConfig> = {}): Judge =>
  createOpenaiJudge(configOf(url, more), { versionOf: () => "1" });

let model: StandIn;
beforeAll(async () => {
  model = await startStandIn(judgingAll);
});
afterAll(() => model[Symbol.asyncDispose]());

judgeContract("openai, pointwise", () => open(model.url));
judgeContract("openai, pairwise of all", () => open(model.url, { mode: "pairwise" }));
judgeContract("openai, pairwise of top and bottom", () => open(model.url, { mode: "pairwise", pairs: "top-bottom", by: "pick" }));
judgeTroubleContract("openai", ({ url, headers, timeoutS }) => open(url, { headers, timeout_s: timeoutS }));

interface Asking {
  readonly responds: readonly Respond[];
  readonly images?: readonly JudgeImage[];
  readonly more?: Partial<OpenaiJudgeConfig>;
}

async function asking({ responds, images = [judgeImage("a"), judgeImage("b")], more = {} }: Asking) {
  await using server = await startStandIn(...responds);
  const judge = open(server.url, more);
  try {
    const scores = await judge.score("a fox, $& {prompt}", images, signal);
    return { scores, seen: server.seen, usage: judge.usage?.(), notes: judge.notes?.() };
  } finally {
    await judge.close?.();
  }
}

describe("createOpenaiJudge(), pointwise", () => {
  it("asks about each image at temperature 0, with its prompt, its bytes and a schema, and stores the answer", async () => {
    const { scores, seen, usage } = await asking({ responds: [saying('{"score": 7}'), saying("nice")] });
    expect(scores).toEqual([
      { imageId: "i_a", score: 7, raw: '{"score": 7}' },
      { imageId: "i_b", score: null, raw: "nice" },
    ]);
    expect(seen.map(({ path }) => path)).toEqual(["/v1/chat/completions", "/v1/chat/completions"]);
    const body = chatBodyOf(seen[0]!);
    expect(body).toMatchObject({
      model: "stand-in-vl",
      temperature: 0,
      max_tokens: 64,
      response_format: { json_schema: { name: "rating", strict: true } },
    });
    expect(body.messages[0]?.content[0]).toMatchObject({ type: "text", text: expect.stringContaining("Prompt:\na fox, $& {prompt}\n") });
    expect(imagesOf(seen[0]!).map(String)).toEqual(["a"]);
    expect(usage).toEqual({ requests: 2, promptTokens: 200, completionTokens: 10 });
  });

  it("refuses ratings outside the scale of our own question, and accepts any number for another question", async () => {
    expect((await asking({ responds: [saying('{"score": 70}')] })).scores).toMatchObject([
      { score: null, raw: '{"score": 70}' },
      { score: null },
    ]);
    const dir = mkdtempSync(join(tmpdir(), "comfy-dpo-"));
    writeFileSync(join(dir, "own.txt"), "How good, 0 to 100? {prompt}");
    const { scores, seen } = await asking({ responds: [saying('{"score": 70}')], more: { prompt_file: join(dir, "own.txt") } });
    expect(scores).toMatchObject([{ score: 70 }, { score: 70 }]);
    expect(chatBodyOf(seen[0]!).messages[0]?.content[0]).toEqual({ type: "text", text: "How good, 0 to 100? a fox, $& {prompt}" });
    rmSync(dir, { recursive: true });
  });

  it("is null if the model refuses, or its reasoning never ends", async () => {
    const refusing = answering({ choices: [{ finish_reason: "stop", message: { content: null, refusal: "I cannot rate this" } }] });
    const cut = answering({ choices: [{ finish_reason: "length", message: { content: null } }] });
    expect((await asking({ responds: [refusing, cut] })).scores).toEqual([
      { imageId: "i_a", score: null, raw: "no answer: I cannot rate this" },
      { imageId: "i_b", score: null, raw: 'no answer: finish_reason "length"' },
    ]);
  });

  it("asks in plain text for the rest of the run if the server refuses response_format, and reports it", async () => {
    const refusing = answering({ error: { message: "response_format is not supported" } }, { status: 400 });
    const { scores, seen, usage, notes } = await asking({ responds: [refusing, saying("Score: 6")] });
    expect(scores).toMatchObject([{ score: 6 }, { score: 6 }]);
    expect(seen.map((one) => chatBodyOf(one).response_format !== undefined)).toEqual([true, false, false]);
    expect(usage?.requests).toBe(3);
    expect(notes).toEqual([expect.stringContaining("refuses response_format")]);
  });

  it("sends max_completion_tokens if the server asks for it", async () => {
    const refusing = answering(
      { error: { message: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead." } },
      { status: 400 },
    );
    const { scores, seen } = await asking({ responds: [refusing, saying('{"score": 6}')] });
    expect(scores).toMatchObject([{ score: 6 }, { score: 6 }]);
    expect(chatBodyOf(seen[2]!)).toMatchObject({ max_completion_tokens: 64, response_format: expect.anything() });
    expect(chatBodyOf(seen[2]!)).not.toHaveProperty("max_tokens");
  });

  const noTemperature = {
    error: {
      message: "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
      type: "invalid_request_error",
      param: "temperature",
      code: "unsupported_value",
    },
  };

  it("asks without a temperature for the rest of the run if the model has only its own, and reports it", async () => {
    const { scores, seen, usage, notes } = await asking({
      responds: [answering(noTemperature, { status: 400 }), saying('{"score": 6}')],
    });
    expect(scores).toMatchObject([{ score: 6 }, { score: 6 }]);
    expect(seen.map((one) => "temperature" in chatBodyOf(one))).toEqual([true, false, false]);
    expect(chatBodyOf(seen[2]!)).toMatchObject({ max_tokens: 64, response_format: expect.anything() });
    expect(usage?.requests).toBe(3);
    expect(notes).toEqual([expect.stringMatching(/^vlm: the model refuses temperature 0; .*can vary/)]);
  });

  it("finds the request form of a model that refuses max_tokens, temperature and response_format, one after the other", async () => {
    const picky: Respond = (one, response) => {
      const body = chatBodyOf(one);
      const complaint =
        "max_tokens" in body
          ? { error: { message: "Use 'max_completion_tokens' instead of 'max_tokens'." } }
          : "temperature" in body
            ? noTemperature
            : body.response_format === undefined
              ? null
              : { error: { message: "response_format is not supported" } };
      (complaint === null ? saying("Score: 4") : answering(complaint, { status: 400 }))(one, response);
    };
    const { scores, seen, notes } = await asking({ responds: [picky] });
    expect(scores).toMatchObject([{ score: 4 }, { score: 4 }]);
    expect(seen).toHaveLength(5);
    expect(notes).toHaveLength(2);
  });

  it("keeps temperature 0 if a refusal of response_format only quotes the request", async () => {
    const repeating: Respond = (one, response) =>
      (chatBodyOf(one).response_format === undefined
        ? saying('{"score": 6}')
        : answering(
            { error: { message: `response_format: extra fields not permitted in {"temperature":0,"response_format":…}` } },
            { status: 422 },
          ))(one, response);
    const { seen } = await asking({ responds: [repeating] });
    expect(seen.map((one) => chatBodyOf(one).temperature)).toEqual([0, 0, 0]);
  });

  it("scores a single refused image as null", async () => {
    const refusing = answering({ error: { message: "image violates our policy" } }, { status: 400 });
    expect((await asking({ responds: [saying('{"score": 6}'), refusing] })).scores).toEqual([
      { imageId: "i_a", score: 6, raw: '{"score": 6}' },
      { imageId: "i_b", score: null, raw: expect.stringMatching(/^refused: 400 .*violates our policy/) },
    ]);
  });

  it("gives up if every question is refused", async () => {
    await using server = await startStandIn(answering("no vision here", { status: 400 }));
    const judge = open(server.url);
    const errors: unknown[] = [];
    for (const name of ["a", "b", "c"]) await judge.score("p", [judgeImage(name)], signal).catch((error: unknown) => errors.push(error));
    expect(errors).toMatchObject([
      { name: "TransientError" },
      { name: "TransientError" },
      { name: "FatalError", message: expect.stringContaining("no vision here") },
    ]);
    await judge.close?.();
  });

  it("gives up if a model that worked refuses fifty questions in a row, which would all be null for ever", async () => {
    const refusing = answering("the model was unloaded", { status: 400 });
    await using server = await startStandIn(saying('{"score": 3}'), refusing, saying('{"score": 3}'), refusing);
    const judge = open(server.url);
    const ask = (name: string) => judge.score("p", [judgeImage(name)], signal);
    const scores: unknown[] = [];
    for (let question = 0; question < 52; question++) scores.push((await ask(`q${question}`))?.[0]?.score);
    expect(scores).toEqual([3, null, 3, ...Array.from({ length: 49 }, () => null)]);
    await expect(ask("last")).rejects.toMatchObject({ name: "FatalError", message: expect.stringContaining("the model was unloaded") });
    await judge.close?.();
  });

  it("does not repeat questions that were answered before a failure", async () => {
    await using server = await startStandIn(saying('{"score": 3}'), answering("busy", { status: 503 }), saying('{"score": 5}'));
    const judge = open(server.url);
    const images = [judgeImage("a"), judgeImage("b")];
    await expect(judge.score("p", images, signal)).rejects.toThrow("503");
    expect(await judge.score("p", images, signal)).toMatchObject([{ score: 3 }, { score: 5 }]);
    expect(server.seen).toHaveLength(3);
    expect(await judge.score("p", images, signal)).toMatchObject([{ score: 5 }, { score: 5 }]);
    await judge.close?.();
  });

  it("names the format of each image, and reduces large ones if configured", async () => {
    const imageOf = async (format: "png" | "jpeg" | "webp"): Promise<JudgeImage> => {
      const bytes = await makeImage({ widthPx: 200, heightPx: 100, format });
      const inspection = { ...judgeImage(format).inspection, widthPx: 200, heightPx: 100 };
      return { ...judgeImage(format), sizeBytes: bytes.length, inspection, bytes: () => Promise.resolve(bytes) };
    };
    const images = await Promise.all((["png", "jpeg", "webp"] as const).map(imageOf));
    const urlOf = (seen: Parameters<typeof chatBodyOf>[0]): string =>
      chatBodyOf(seen).messages[0]!.content.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : []))[0] ?? "";
    const asStored = await asking({ responds: [saying("5")], images });
    expect(asStored.seen.map((one) => urlOf(one).split(";", 1)[0])).toEqual(["data:image/png", "data:image/jpeg", "data:image/webp"]);
    const smaller = await asking({ responds: [saying("5")], images, more: { max_side: 50 } });
    const sent = await sharp(imagesOf(smaller.seen[0]!)[0]).metadata();
    expect([sent.format, sent.width, sent.height]).toEqual(["jpeg", 50, 25]);
  });
});

describe("createOpenaiJudge(), pairwise", () => {
  const images = [judgeImage("a", {}, 0.5), judgeImage("b", {}, null), judgeImage("c", {}, 0.9), judgeImage("d", {}, 0.1)];
  const more = { mode: "pairwise", pairs: "top-bottom", by: "pick" } as const;

  it("compares the best and the worst image of the other judge in both orders, and stores both answers", async () => {
    const { scores, seen } = await asking({ responds: [saying('{"better": "A"}'), saying('{"better": "B"}')], images, more });
    expect(seen.map((one) => imagesOf(one).map(String))).toEqual([
      ["c", "d"],
      ["d", "c"],
    ]);
    expect(chatBodyOf(seen[0]!).response_format?.json_schema.name).toBe("choice");
    expect(scores).toEqual([
      { imageId: "i_a", score: null },
      { imageId: "i_b", score: null },
      { imageId: "i_c", score: 1, raw: '[{"against":"i_d","answer":"{\\"better\\": \\"A\\"}"}]' },
      { imageId: "i_d", score: 0, raw: '[{"against":"i_c","answer":"{\\"better\\": \\"B\\"}"}]' },
    ]);
  });

  it("is a tie if the position decides", async () => {
    expect((await asking({ responds: [saying("A")], images, more })).scores?.map(({ score }) => score)).toEqual([null, null, 0.5, 0.5]);
  });

  it("asks nothing if the other judge scored only one image", async () => {
    const { scores, seen } = await asking({ responds: [saying("A")], images: images.slice(0, 2), more });
    expect(seen).toEqual([]);
    expect(scores?.map(({ score }) => score)).toEqual([null, null]);
  });

  it("compares every pair with pairs: all", async () => {
    const { seen } = await asking({ responds: [judgingAll], images, more: { mode: "pairwise" } });
    expect(seen).toHaveLength(12);
  });
});

describe("max_requests", () => {
  it("holds for groups in flight: a group that does not fit is not started", async () => {
    await using server = await startStandIn(judgingAll);
    const judge = open(server.url, { max_requests: 5 });
    const groups = ["a", "b", "c"].map((name) => [judgeImage(`${name}1`), judgeImage(`${name}2`)]);
    const scores = await Promise.all(groups.map((images) => judge.score("p", images, signal)));
    expect(scores.map((each) => each?.length ?? null)).toEqual([2, 2, null]);
    expect(server.seen).toHaveLength(4);
    await judge.close?.();
  });

  it("is an error if a group can never fit", async () => {
    await expect(asking({ responds: [judgingAll], more: { max_requests: 1 } })).rejects.toThrow(/takes 2 requests, and max_requests is 1/);
  });
});

describe("its version", () => {
  it("names the model, the mode, the question and everything else that a score depends on", () => {
    const version = (more: Partial<OpenaiJudgeConfig>): string => open("http://x", more).version;
    expect(version({})).toMatch(/^stand-in-vl pointwise [0-9a-f]{12}$/);
    expect(version({ mode: "pairwise" })).toMatch(/^stand-in-vl pairwise [0-9a-f]{12} all$/);
    expect(version({ mode: "pairwise", pairs: "top-bottom", by: "pick", max_side: 768 })).toMatch(/ top-bottom by pick@1 max_side 768$/);
    const dir = mkdtempSync(join(tmpdir(), "comfy-dpo-"));
    writeFileSync(join(dir, "own.txt"), "How good?");
    expect(version({ prompt_file: join(dir, "own.txt") })).not.toBe(version({}));
    writeFileSync(join(dir, "own.txt"), " ");
    expect(() => version({ prompt_file: join(dir, "own.txt") })).toThrow("it is empty");
    expect(() => version({ prompt_file: join(dir, "none.txt") })).toThrow(/none\.txt: there is no such file/);
    rmSync(dir, { recursive: true });
  });
});

describe("its probe", () => {
  it.each<[string, Respond, RegExp | string]>([
    ["the model", judgingAll, "serves stand-in-vl"],
    ["no list of models", answering("", { status: 404 }), "does not list its models"],
  ])("finds %s", async (_name, respond, says) => {
    await using server = await startStandIn(respond);
    const judge = open(server.url);
    expect(await judge.probe?.(signal)).toContain(says);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/models"]);
    await judge.close?.();
  });

  it("lists the models that there are", async () => {
    await using server = await startStandIn(answering({ data: [{ id: "stand-in-vl-7b" }] }));
    const judge = open(server.url);
    await expect(judge.probe?.(signal)).rejects.toThrow('serves no model "stand-in-vl" (did you mean "stand-in-vl-7b"?)');
    await judge.close?.();
  });
});
