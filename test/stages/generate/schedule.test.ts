import { describe, expect, it } from "vitest";
import type { JobRow } from "../../../src/db/queries/jobs.ts";
import { createSchedule } from "../../../src/stages/generate/schedule.ts";

/** A plan in memory that answers pages as the database does. */
function planOf(count: number, variantOf: (index: number) => string = () => "base") {
  const rows = Array.from({ length: count }, (_, index): JobRow => ({
    job: `j${String(index).padStart(4, "0")}`,
    promptKey: `p_${index}`,
    variant: variantOf(index),
    seed: "1",
    position: index,
    attempt: 0,
    failures: 0,
    freeFirst: 0,
    sent: "",
    negative: "",
    bound: "{}",
  }));
  const taken = new Set<string>();
  const jobs = {
    planned: (after: Pick<JobRow, "position" | "job"> | null, limit: number) =>
      rows.filter((row) => !taken.has(row.job) && row.position > (after?.position ?? -1)).slice(0, limit),
  };
  return { jobs, taken };
}

function open(count: number, options: { window?: number; variantOf?: (index: number) => string } = {}) {
  const { jobs, taken } = planOf(count, options.variantOf);
  const schedule = createSchedule({ jobs, window: options.window ?? 2, servers: ["a", "b"] });
  const out = new Map<string, number>();
  const take = (url: string): string | null => {
    const job = schedule.next(url);
    if (job === null) return null;
    taken.add(job.job);
    out.set(url, (out.get(url) ?? 0) + 1);
    schedule.setInFlight(url, out.get(url)!);
    return job.job;
  };
  return { schedule, take, taken };
}

describe("createSchedule()", () => {
  it("gives all servers one job before any gets two, and none more than the window", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    expect(take("a")).toBe("j0000");
    expect(take("a")).toBeNull();
    expect(take("b")).toBe("j0001");
    expect(take("a")).toBe("j0002");
    expect(take("b")).toBe("j0003");
    expect([take("a"), take("b")]).toEqual([null, null]);
  });

  it("does not hold a server at one job for one that is down", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    take("a");
    schedule.serverDown("b");
    expect(take("a")).toBe("j0001");
    expect(take("b")).toBeNull();
  });

  it("does not hold a server at one job for one that finds nothing it may take", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.refuse("base", "b");
    expect(take("b")).toBeNull();
    expect([take("a"), take("a")]).toEqual(["j0000", "j0001"]);
  });

  it("takes a job where it failed only if no other server is there", () => {
    const { schedule, take } = open(1);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.avoid("j0000", "a");
    expect(take("a")).toBeNull();
    schedule.serverDown("b");
    expect(take("a")).toBe("j0000");
  });

  it("keeps a pinned job for its server while that is up", () => {
    const { schedule, take } = open(2);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.pin("j0000", "a");
    expect(take("b")).toBe("j0001");
    expect(take("a")).toBe("j0000");
  });

  it("finds a job behind more unsuitable ones than one page holds", () => {
    const { schedule, take } = open(300, { variantOf: (index) => (index < 200 ? "sdxl" : "base") });
    for (const url of ["a", "b"]) schedule.serverUp(url);
    expect(schedule.refuse("sdxl", "a")).toBe(false);
    expect(take("a")).toBe("j0200");
  });

  it("says when every server has refused a variant, and waits for one of which nothing is known yet", () => {
    const { schedule } = open(1);
    schedule.serverUp("a");
    expect(schedule.refuse("base", "a")).toBe(false);
    schedule.serverUp("b");
    expect(schedule.refuse("base", "b")).toBe(true);
  });

  it("does not wait for a server that is down to refuse a variant, too", () => {
    const { schedule } = open(1);
    schedule.serverUp("a");
    schedule.serverDown("b");
    expect(schedule.refuse("base", "a")).toBe(true);
  });
});
