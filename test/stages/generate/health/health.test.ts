import { describe, expect, it } from "vitest";
import { createHealth } from "../../../../src/stages/generate/health/health.ts";

const PROBE_AFTER_MS = 60_000;

/** `up`: servers; `worked`: variants of earlier runs. */
function open({ up = ["a", "b"], variants = ["v"], worked = [] as string[] } = {}) {
  let nowMs = 0;
  const health = createHealth({
    nowMs: () => nowMs,
    probeAfterMs: PROBE_AFTER_MS,
    up: () => up,
    takes: () => true,
    activeVariants: () => variants,
    worked,
  });
  let made = 0;
  const fail = (server: string, { prompt = `p${made}`, job = `j${made++}`, variant = "v", final = false } = {}) =>
    health.failed({ job, promptKey: prompt, variant, server }, { final });
  const succeed = (server: string, { job = `s${made++}`, variant = "v" } = {}) => health.succeeded({ server, job, variant });
  return { health, fail, succeed, wait: (ms: number) => (nowMs += ms) };
}

describe("createHealth()", () => {
  it("latches a server at which three prompts failed while another one made images since", () => {
    const { health, fail, succeed } = open();
    expect(fail("a").verdicts).toEqual([]);
    succeed("b");
    expect(fail("a").verdicts).toEqual([]);
    expect(fail("a").verdicts).toMatchObject([{ kind: "latch", server: "a" }]);
    expect(health.permission("a", "v")).toBe("no");
    expect(health.permission("b", "v")).toBe("yes");
  });

  it("finds the same when the other's success comes last", () => {
    const { fail, succeed } = open();
    for (let index = 0; index < 3; index++) fail("a");
    expect(succeed("b").verdicts).toMatchObject([{ kind: "latch", server: "a" }]);
  });

  it("takes the seeds of one prompt for one piece of evidence", () => {
    const { fail, succeed } = open();
    for (let index = 0; index < 6; index++) fail("a", { prompt: "no model can draw this" });
    expect(succeed("b").verdicts).toEqual([]);
  });

  it("begins anew after a success there, and says that what failed before was the jobs' fault", () => {
    const { fail, succeed } = open();
    fail("a");
    fail("a");
    expect(succeed("a")).toMatchObject({ clears: true, recovered: false });
    fail("a");
    expect(succeed("b").verdicts).toEqual([]);
  });

  it("counts nothing that a latched server says, tries it with one job, waits twice as long after each failure, and lets it back in", () => {
    const { health, fail, succeed, wait } = open();
    for (let index = 0; index < 3; index++) fail("a");
    succeed("b");
    expect(fail("a").state).toBe("forgiven");
    wait(PROBE_AFTER_MS);
    expect(health.permission("a", "v")).toBe("probe");
    health.sent("a", "v");
    expect(health.permission("a", "v")).toBe("no");
    expect(fail("a").state).toBe("forgiven");
    wait(PROBE_AFTER_MS);
    expect(health.permission("a", "v")).toBe("no");
    wait(PROBE_AFTER_MS);
    expect(health.permission("a", "v")).toBe("probe");
    health.sent("a", "v");
    expect(succeed("a").recovered).toBe(true);
    expect(health.permission("a", "v")).toBe("yes");
  });

  it("tries again where the probe came back without saying anything", () => {
    const { health, fail, succeed, wait } = open();
    for (let index = 0; index < 3; index++) fail("a");
    succeed("b");
    wait(PROBE_AFTER_MS);
    health.sent("a", "v");
    health.returned("a", "v");
    expect(health.permission("a", "v")).toBe("probe");
  });

  it("bars only the variant where there are others", () => {
    const { health, fail, succeed } = open({ variants: ["v", "w"] });
    for (let index = 0; index < 3; index++) fail("a");
    expect(succeed("b").verdicts).toMatchObject([{ kind: "bar", server: "a", variant: "v" }]);
    expect([health.permission("a", "v"), health.permission("a", "w")]).toEqual(["no", "yes"]);
  });

  it("does not blame servers for jobs that failed on several of them", () => {
    const { fail, succeed } = open({ up: ["a", "b", "c"] });
    for (const job of ["x", "y", "z"]) fail("a", { job, prompt: job });
    for (const job of ["x", "y", "z"]) fail("b", { job, prompt: job });
    expect(succeed("c").verdicts).toEqual([]);
  });

  it("blames them after all once such a job was made elsewhere", () => {
    const { fail, succeed } = open({ up: ["a", "b", "c"] });
    for (const job of ["x", "y", "z"]) {
      fail("a", { job, prompt: job });
      fail("b", { job, prompt: job });
    }
    succeed("c", { job: "x" });
    succeed("c", { job: "y" });
    expect(succeed("c", { job: "z" }).verdicts).toMatchObject([
      { kind: "latch", server: "a" },
      { kind: "latch", server: "b" },
    ]);
  });

  it("latches a lone server only after ten prompts of a variant that has worked before", () => {
    const { fail } = open({ up: ["a"], worked: ["v"] });
    for (let index = 0; index < 9; index++) expect(fail("a").verdicts).toEqual([]);
    expect(fail("a").verdicts).toMatchObject([{ kind: "latch", server: "a" }]);
    const never = open({ up: ["a"] });
    for (let index = 0; index < 30; index++) expect(never.fail("a").verdicts).toEqual([]);
  });

  it("quarantines a variant that never worked once three of its prompts failed for good on every server", () => {
    const { fail } = open({ up: ["a", "b"] });
    for (const job of ["x", "y"]) {
      fail("a", { job, prompt: job });
      expect(fail("b", { job, prompt: job, final: true }).verdicts).toEqual([]);
    }
    fail("a", { job: "z", prompt: "z" });
    expect(fail("b", { job: "z", prompt: "z", final: true })).toMatchObject({
      isCondemned: true,
      verdicts: [{ kind: "quarantine", variant: "v" }],
    });
  });

  it("does not quarantine a variant before every server was tried, nor one that works", () => {
    const { fail } = open({ up: ["a", "b"] });
    for (let index = 0; index < 5; index++) expect(fail("a", { final: true }).verdicts).toEqual([]);
    const works = open({ up: ["a"], worked: ["v"] });
    for (let index = 0; index < 5; index++) expect(works.fail("a", { final: true }).verdicts).toEqual([]);
  });

  it("quarantines one that worked before when it fails for good while others go well", () => {
    const { fail, succeed } = open({ up: ["a"], variants: ["v", "w"], worked: ["v", "w"] });
    fail("a", { final: true });
    succeed("a", { variant: "w" });
    fail("a", { final: true });
    expect(fail("a", { final: true }).verdicts).toMatchObject([{ kind: "quarantine", variant: "v" }]);
  });

  it("asks only the servers that may take a variant whether it fails everywhere", () => {
    const health = createHealth({
      nowMs: () => 0,
      probeAfterMs: 1,
      up: () => ["a", "refuses"],
      takes: (url) => url === "a",
      activeVariants: () => ["v"],
      worked: [],
    });
    const fail = (job: string) => health.failed({ job, promptKey: job, variant: "v", server: "a" }, { final: true }).verdicts;
    expect([fail("x"), fail("y")]).toEqual([[], []]);
    expect(fail("z")).toMatchObject([{ kind: "quarantine", variant: "v" }]);
  });

  it("goes on with what an earlier run left undecided", () => {
    const { health, fail, succeed } = open();
    const earlier = ["x", "y"].map((job) => ({ job, promptKey: job, variant: "v", server: "a" }));
    health.load(earlier, earlier);
    succeed("b");
    expect(fail("a").verdicts).toMatchObject([{ kind: "latch", server: "a" }]);
  });
});
