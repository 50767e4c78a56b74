import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TransientError } from "../../../src/errors.ts";
import { createHttpJudge, type HttpJudgeConfig, splitIntoBatches } from "../../../src/judges/http/http.ts";
import type { JudgeImage } from "../../../src/judges/judge.ts";
import { judgeTroubleContract } from "../../contracts/judge-trouble.ts";
import { judgeContract, judgeImage } from "../../contracts/judge.ts";
import {
  answering,
  fakeScore,
  scoreBodyOf,
  scoringAll,
  startStandIn,
  type Respond,
  type StandIn,
} from "../../helpers/stand-ins/judge-stand-in.ts";
import { parseScores } from "../../../src/judges/http/protocol.ts";

const { signal } = new AbortController();
const configOf = (url: string, more: Partial<HttpJudgeConfig> = {}): HttpJudgeConfig => ({
  name: "pick",
  kind: "http",
  url,
  version: "1",
  send: "b64",
  headers: {},
  concurrency: 4,
  timeout_s: 20,
  ...more,
});

let scorer: StandIn;
beforeAll(async () => {
  scorer = await startStandIn(scoringAll);
});
afterAll(() => scorer[Symbol.asyncDispose]());

judgeContract("http", () => createHttpJudge(configOf(scorer.url)));
judgeTroubleContract("http", ({ url, headers, timeoutS }) => createHttpJudge(configOf(url, { headers, timeout_s: timeoutS })));

/** Scores, or the message of what was thrown. */
async function outcome(respond: Respond, images: readonly JudgeImage[] = [judgeImage("a"), judgeImage("b")]) {
  await using server = await startStandIn(respond);
  const judge = createHttpJudge(configOf(server.url));
  try {
    return { scores: await judge.score("a prompt", images, signal) };
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    return { why: error.message };
  } finally {
    await judge.close?.();
  }
}

describe("createHttpJudge()", () => {
  it("sends a whole group in one request, with the images as they are stored", async () => {
    await using server = await startStandIn(scoringAll);
    const judge = createHttpJudge(configOf(server.url));
    const large = new Uint8Array(500_001).fill(7);
    const images = [judgeImage("a"), { ...judgeImage("b"), sizeBytes: large.length, bytes: () => Promise.resolve(large) }];
    const scores = await judge.score('a "quoted" prompt\n☃', images, signal);
    expect(server.seen).toHaveLength(1);
    const { prompt, images: sent } = scoreBodyOf(server.seen[0]!);
    expect(prompt).toBe('a "quoted" prompt\n☃');
    expect(sent.map(({ id }) => id)).toEqual(["i_a", "i_b"]);
    expect(Buffer.from(sent[1]!.b64!, "base64").equals(large)).toBe(true);
    expect(server.seen[0]!.headers["content-length"]).toBe(String(Buffer.byteLength(server.seen[0]!.body)));
    expect(scores?.[1]).toEqual({ imageId: "i_b", score: fakeScore('a "quoted" prompt\n☃', large) });
    await judge.close?.();
  });

  it("sends only the addresses of images with send: url", async () => {
    await using server = await startStandIn(answering({ scores: [{ id: "i_a", score: 1 }] }));
    const judge = createHttpJudge(configOf(server.url, { send: "url" }));
    const unread = { ...judgeImage("a"), bytes: () => Promise.reject(new Error("nobody asked for bytes")) };
    expect(await judge.score("a prompt", [unread], signal)).toEqual([{ imageId: "i_a", score: 1 }]);
    expect(scoreBodyOf(server.seen[0]!).images).toEqual([{ id: "i_a", url: "file:///images/a.png" }]);
    await judge.close?.();
  });

  it("assigns scores to images by id, and stores NaN and Infinity as null", async () => {
    const scores = '{"scores": [{"id": "i_b", "score": NaN, "sigma": 0.25}, {"id": "i_a", "score": -1.5, "sigma": NaN}]}';
    expect(await outcome(answering(scores))).toEqual({
      scores: [
        { imageId: "i_a", score: -1.5 },
        { imageId: "i_b", score: null, sigma: 0.25 },
      ],
    });
    expect(await outcome(answering('{"scores": [{"id": "i_b", "score": null}, {"id": "i_a", "score": -Infinity}]}'))).toMatchObject({
      scores: [{ score: null }, { score: null }],
    });
  });

  it.each([
    ["too few", [{ id: "i_a", score: 1 }], /answers 1 scores for 2 images/],
    [
      "too many",
      [
        { id: "i_a", score: 1 },
        { id: "i_b", score: 1 },
        { id: "i_c", score: 1 },
      ],
      /answers 3 scores for 2 images/,
    ],
    [
      "an unknown id",
      [
        { id: "i_a", score: 1 },
        { id: "i_x", score: 1 },
      ],
      /was not asked about: "i_x"/,
    ],
    [
      "a repeated id",
      [
        { id: "i_a", score: 1 },
        { id: "i_a", score: 2 },
      ],
      /scores the image i_a twice/,
    ],
    [
      "a text for a score",
      [
        { id: "i_a", score: "high" },
        { id: "i_b", score: 1 },
      ],
      /image i_a is "high", expected a number or null/,
    ],
    ["a missing score", [{ id: "i_a" }, { id: "i_b", score: 1 }], /image i_a is missing/],
    ["numbers alone", [1, 2], /one of its scores is 1/],
  ])("trusts no answer with %s", async (_name, scores, says) => {
    expect(await outcome(answering({ scores }))).toEqual({ why: expect.stringMatching(says) });
  });

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
    ["zstd", zstdCompressSync],
  ])("reads an answer that a proxy packed as %s, though it was asked for none", async (coding, pack) => {
    const images = [judgeImage("a")];
    const body = pack(JSON.stringify({ scores: [{ id: "i_a", score: 1 }] }));
    const accepted: unknown[] = [];
    const respond: Respond = ({ headers }, response) => {
      accepted.push(headers["accept-encoding"]);
      response.writeHead(200, { "content-encoding": coding }).end(body);
    };
    expect(await outcome(respond, images)).toEqual({ scores: [{ imageId: "i_a", score: 1 }] });
    expect(accepted).toEqual(["identity"]);
  });

  it("reads an answer with a byte order mark, and one with status 201", async () => {
    const scores = [{ id: "i_a", score: 1 }];
    const wanted = { scores: [{ imageId: "i_a", score: 1 }] };
    expect(await outcome(answering(`\uFEFF${JSON.stringify({ scores })}`), [judgeImage("a")])).toEqual(wanted);
    expect(await outcome(answering({ scores }, { status: 201 }), [judgeImage("a")])).toEqual(wanted);
  });

  it("limits the size of an unpacked answer, and refuses one that cannot be unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const packed =
      (body: Buffer): Respond =>
      (_seen, response) =>
        void response.writeHead(200, { "content-encoding": "gzip" }).end(body);
    expect(await outcome(packed(bomb))).toMatchObject({ why: expect.stringContaining("longer than 4 MiB") });
    expect(await outcome(packed(Buffer.from('{"scores": []}')))).toMatchObject({ why: expect.stringContaining("incorrect header check") });
  });

  it("reports the store's error about an image", async () => {
    const lost = { ...judgeImage("b"), bytes: () => Promise.reject(new TransientError("the store has nothing under images/b.png")) };
    expect(await outcome(scoringAll, [judgeImage("a"), lost])).toEqual({ why: "the store has nothing under images/b.png" });
  });

  it("describes the server without sending an image", async () => {
    const judge = createHttpJudge(configOf(scorer.url));
    expect(await judge.probe?.(signal)).toBe(`${scorer.url} answers as stand-in`);
    await judge.close?.();
    await using strict = await startStandIn(answering({ detail: "no images" }, { status: 422 }));
    const other = createHttpJudge(configOf(strict.url));
    expect(await other.probe?.(signal)).toContain("not to a question without images (422)");
    await other.close?.();
  });
});

describe("splitIntoBatches()", () => {
  it("keeps all images in order, and every request within its limits", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 200 }), (sizesMib) => {
        const images = sizesMib.map((mib, index) => ({ index, sizeBytes: mib * 1024 * 1024 }));
        const batches = splitIntoBatches(images);
        expect(batches.flat()).toEqual(images);
        for (const batch of batches) {
          expect(batch.length).toBeLessThanOrEqual(64);
          const bytes = batch.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          expect(batch.length === 1 || bytes <= 64 * 1024 * 1024).toBe(true);
        }
      }),
    );
  });

  it("does not split a usual group", () => {
    expect(splitIntoBatches(Array.from({ length: 20 }, () => ({ sizeBytes: 3_000_000 })))).toHaveLength(1);
  });
});

describe("parseScores()", () => {
  it("returns a finite number or null for every image, or a reason, for any answer", () => {
    const entry = fc.record({ id: fc.constantFrom("a", "b", "c", 1), score: fc.oneof(fc.double(), fc.constant(null), fc.string()) });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.array(entry, { maxLength: 3 }).map((scores) => JSON.stringify({ scores })),
        ),
        (text) => {
          const parsed = parseScores(text, ["a", "b"]);
          if ("why" in parsed) return parsed.why !== "";
          expect(parsed.scores.map(({ imageId }) => imageId)).toEqual(["a", "b"]);
          for (const { score } of parsed.scores) expect(score === null || Number.isFinite(score)).toBe(true);
          return true;
        },
      ),
    );
  });
});
