import { describe, expect, it } from "vitest";
import type { SubmittedJob } from "../../../../src/db/queries/jobs/jobs.ts";
import type { GivenPromptId } from "../../../../src/db/queries/jobs/server-prompt-id.ts";
import type { QueueItem } from "../../../../src/comfy/client/queue.ts";
import { FatalError, TransientError } from "../../../../src/errors.ts";
import { createJobsOut, createQueueWatch, type OutJob } from "../../../../src/stages/generate/server/jobs-out.ts";

const jobOf = (sentId: string): SubmittedJob => ({
  job: `job of ${sentId}`,
  promptKey: "p_1",
  variant: "base",
  seed: "1",
  position: 0,
  promptPosition: 0,
  attempt: 1,
  failures: 0,
  freeFirst: 0,
  sent: "a cat",
  negative: "",
  bound: "{}",
  references: "{}",
  promptId: sentId,
  server: "http://1",
  submittedAtMs: 0,
});

function bench(accepts = true) {
  const remembered: GivenPromptId[] = [];
  const counts: number[] = [];
  const jobs = createJobsOut({
    url: "http://1",
    onCount: (count) => void counts.push(count),
    rememberPromptId: (given) => (remembered.push(given), accepts),
  });
  const add = (sentId: string): OutJob => jobs.add(jobOf(sentId), { sentId, state: "sent" });
  return { jobs, add, remembered, counts };
}

describe("createJobsOut()", () => {
  it("takes the server's name for a prompt, and remembers it before all else", () => {
    const { jobs, add, remembered } = bench();
    const out = add("sent");
    jobs.followUnder(out, "given");
    expect(jobs.get("given")).toBe(out);
    expect(jobs.get("sent")).toBeUndefined();
    expect(out).toMatchObject({ sentId: "sent", job: { promptId: "given" } });
    expect(remembered).toEqual([{ job: out.job.job, sent: "sent", given: "given" }]);
  });

  it("does nothing where the name is known, or the job is no longer out", () => {
    const { jobs, add, remembered } = bench();
    const out = add("sent");
    jobs.followUnder(out, "sent");
    jobs.takeOff(out);
    jobs.followUnder(out, "given");
    expect(remembered).toEqual([]);
    expect(jobs.count()).toBe(0);
  });

  it("gives the server up that gives two prompts one id, and leaves the job where it was", () => {
    const { jobs, add } = bench(false);
    const out = add("sent");
    expect(() => jobs.followUnder(out, "x".repeat(200))).toThrow(FatalError);
    expect(jobs.get("sent")).toBe(out);
  });

  it("changes nothing of a job that was settled or given away, and tells how many are out", () => {
    const { jobs, add, counts } = bench();
    const [first, second] = [add("a"), add("b")];
    jobs.takeOff(first);
    jobs.takeOff(first);
    jobs.unanswered(first, new TransientError("cut off"));
    expect(jobs.isOut(first)).toBe(false);
    expect(first).toMatchObject({ state: "sent", badAnswer: null });
    expect(jobs.all()).toEqual([second]);
    expect(counts).toEqual([1, 2, 1]);
  });

  const mark = (promptId: string) => ({ promptId, job: "j", attempt: 1 });
  const item = (promptId: string, marked: string | null = null) => ({
    number: 0,
    promptId,
    clientId: null,
    mark: marked === null ? null : mark(marked),
  });

  it("knows a prompt by the server's name, by its mark while that is not known, and what was left there by either", () => {
    const { jobs, add } = bench();
    jobs.followUnder(add("a"), "A");
    add("b");
    jobs.leftThere("c");
    jobs.abandon(add("d"));
    const isOurs = jobs.ownPrompts();
    const ours = [item("A"), item("A", "a"), item("b"), item("X", "b"), item("c"), item("Y", "c"), item("d")];
    expect(ours.map(isOurs)).toEqual(Array(7).fill(true));
    expect([item("x"), item("B"), item("x", "y")].map(isOurs)).toEqual([false, false, false]);
    jobs.forgetAbandoned(new Set(["d"]));
    expect([item("c"), item("d")].map(jobs.ownPrompts())).toEqual([false, true]);
  });
});

describe("createQueueWatch()", () => {
  const item = (promptId: string): QueueItem => ({ number: 0, promptId, clientId: null, mark: null });
  const open = () => {
    let nowMs = 0;
    const { jobs, add } = bench();
    const watch = createQueueWatch({ jobs, nowMs: () => nowMs });
    return { watch, add, pass: (ms: number) => void (nowMs += ms) };
  };

  it("tells what became of the prompt that ran at the last look", () => {
    const { watch } = open();
    const looks = [[], ["a"], ["a"], ["b"], [], []].map((running) => watch.note({ running: running.map(item), pending: [] }));
    expect(looks).toEqual(["none", "none", "runs on", "is over", "is over", "none"]);
  });

  it("counts other people's prompts, and is not still while one of those runs", () => {
    const { watch, add, pass } = open();
    add("ours");
    expect(watch.foreignDepth()).toBeNull();
    watch.note({ running: [item("theirs")], pending: [item("ours"), item("more of theirs")] });
    expect(watch.foreignDepth()).toBe(2);
    pass(1_000);
    watch.note({ running: [item("theirs")], pending: [item("ours"), item("more of theirs")] });
    expect(watch.stillForMs()).toBe(0);
    watch.note({ running: [item("ours")], pending: [] });
    pass(1_000);
    watch.note({ running: [item("ours")], pending: [] });
    expect(watch.stillForMs()).toBe(1_000);
  });
});
