import type { IncomingMessage } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { requirePart } from "../../helpers/parts.ts";
import { startQuirkyStore, type QuirkyStore, type QuirkyStoreOptions, type Refusal } from "../../helpers/stand-ins/quirky-store.ts";
import { runCli } from "../../helpers/run-cli.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";
import { makeProject, type Project } from "../project.ts";

// What calls itself S3 and differs from it: check says before the night what a start would meet, and both get along with the same stores.

const env = SEAWEED_CREDENTIALS;
const CANDIDATES = 3;

const isList = ({ method, url }: IncomingMessage): boolean => method === "GET" && url?.includes("list-type=2") === true;
const on =
  (method: string, refusal: Refusal) =>
  (asked: IncomingMessage): Refusal | undefined =>
    asked.method === method && !isList(asked) ? refusal : undefined;
const conditional =
  (refusal: Refusal) =>
  ({ headers }: IncomingMessage): Refusal | undefined =>
    headers["if-none-match"] === undefined ? undefined : refusal;

describe.runIf(requirePart("seaweedfs", findWeed() !== undefined))("a store with a quirk", () => {
  let seaweed: Seaweed;
  let server: Emulator;
  let project: Project;
  let prefixes = 0;
  beforeAll(async () => {
    [seaweed, server] = await Promise.all([startSeaweed(), startEmulator({ execMs: 1 })]);
  });
  afterAll(() => Promise.all([seaweed.stop(), server.stop()]));
  afterEach(() => project.remove());

  const openOn = ({ endpoint }: Pick<QuirkyStore, "endpoint">): Project => {
    const place = `s3://${seaweed.bucket}/quirk${prefixes++}`;
    return (project = makeProject({
      servers: [server.url],
      prompts: ["a red fox"],
      config: { store: { uri: `${place}/images`, endpoint }, export: { uri: `${place}/export` } },
    }));
  };

  const findingsOf = async (config: string) => {
    const { exit, events } = await runCli(["check", "-c", config, "--json"], { env });
    const findings = events.filter(({ event, what }) => event === "finding" && (what === "store" || what === "export"));
    return { exit, findings };
  };

  const goodWith: readonly (readonly [string, Omit<QuirkyStoreOptions, "endpoint">])[] = [
    ["answers 501 to a conditional PUT (Backblaze B2)", { refuse: conditional({ status: 501, code: "NotImplemented" }) }],
    ["answers 400 to a conditional PUT", { refuse: conditional({ status: 400, code: "InvalidArgument" }) }],
    ["answers 501 without a word to a conditional PUT", { refuse: conditional({ status: 501 }) }],
    ["ignores the condition of a PUT", { ignoresConditions: true }],
    ["refuses HEAD", { refuse: on("HEAD", { status: 403 }) }],
    [
      "refuses HEAD, conditions and checksums",
      {
        refuse: (asked) =>
          asked.method === "HEAD" || asked.headers["if-none-match"] !== undefined || asked.headers["x-amz-checksum-sha256"] !== undefined
            ? { status: 501, code: "NotImplemented" }
            : undefined,
      },
    ],
  ];
  it.each(goodWith)("that %s serves a night", async (_quirk, options) => {
    await using store = await startQuirkyStore({ endpoint: seaweed.endpoint, ...options });
    const { config } = openOn(store);
    const checked = await findingsOf(config);
    expect(checked).toMatchObject({
      exit: 0,
      findings: [
        { ok: true, warning: false },
        { ok: true, warning: false },
      ],
    });
    for (let run = 0; run < 2; run++) {
      const { exit, stderr, events } = await runCli(["run", "-c", config, "--json"], { env });
      expect(exit, stderr).toBe(0);
      expect(events.at(-1)).toMatchObject({ stored: CANDIDATES, rejected: 0, failed: 0 });
    }
    expect((await findingsOf(config)).exit).toBe(0);
    expect((await runCli(["verify", "-c", config], { env })).exit).toBe(0);
  });

  it("that fails now and then is tried again by check, start and export", async () => {
    const failed = new Map<string, number>();
    await using store = await startQuirkyStore({
      endpoint: seaweed.endpoint,
      refuse: (asked) => {
        const place = `${asked.method} ${asked.url?.split("?")[0]}`;
        if (!/\.comfy-dpo|\/$/.test(place)) return undefined; // What a start asks for, and an export first.
        const times = failed.get(place) ?? 0;
        failed.set(place, times + 1);
        // More often than the SDK tries by itself.
        return times < 4 ? { status: 503, code: "SlowDown" } : undefined;
      },
    });
    const { config } = openOn(store);
    expect((await findingsOf(config)).exit).toBe(0);
    const { exit, stderr } = await runCli(["run", "-c", config], { env });
    expect(exit, stderr).toBe(0);
  });

  it("that refuses to delete gets a warning, and serves a night", async () => {
    await using store = await startQuirkyStore({
      endpoint: seaweed.endpoint,
      refuse: on("DELETE", { status: 403, code: "AccessDenied" }),
    });
    const { config } = openOn(store);
    for (let times = 0; times < 2; times++) {
      const { exit, findings } = await findingsOf(config);
      expect(exit).toBe(0);
      expect(findings.filter(({ warning }) => warning === true).map(({ text }) => text)).toEqual([
        expect.stringContaining("s3:DeleteObject"),
        expect.stringContaining("s3:DeleteObject"),
      ]);
    }
    expect((await runCli(["check", "-c", config], { env })).stdout).toMatch(/^warn {2}store .*403 AccessDenied/m);
    expect((await runCli(["run", "-c", config], { env })).exit).toBe(0);
    // One probe at each place, however often it was checked.
    expect(new Set(store.seen.filter((asked) => asked.includes(".comfy-dpo-check") && asked.startsWith("PUT"))).size).toBe(2);
  });

  it.each([
    ["GET", "s3:GetObject", ["store", "export"]],
    ["PUT", "s3:PutObject", ["store", "export"]],
    ["LIST", "s3:ListBucket", ["export"]],
  ])("that refuses %s: check names the right that is missing, as the run would", async (method, right, places) => {
    const denied = { status: 403, code: "AccessDenied" } as const;
    await using store = await startQuirkyStore({
      endpoint: seaweed.endpoint,
      refuse: method === "LIST" ? (asked) => (isList(asked) ? denied : undefined) : on(method, denied),
    });
    const { config } = openOn(store);
    const { exit, findings } = await findingsOf(config);
    expect(exit).toBe(1);
    const bad = findings.filter(({ ok }) => ok === false);
    expect(bad.map(({ what }) => what)).toEqual(places);
    for (const { text } of bad) expect(text).toContain(right);
    const { exit: ended, stderr } = await runCli(["run", "-c", config], { env });
    expect(ended).toBe(1);
    expect(stderr).toContain(right);
  });

  it("check names the dataset that a prefix belongs to, as a start would", async () => {
    const first = openOn(seaweed);
    expect((await runCli(["run", "-c", first.config], { env })).exit).toBe(0);
    first.remove();
    prefixes--;
    const second = openOn(seaweed);
    const { exit, findings } = await findingsOf(second.config);
    expect(exit).toBe(1);
    expect(findings[0]).toMatchObject({ ok: false, text: expect.stringContaining("belongs to an earlier database of e2e") });
    expect(second.started()).toBe(false);
  });
});
