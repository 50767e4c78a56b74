import { describe, expect, it } from "vitest";
import type { JobRow } from "../../../src/db/queries/jobs/jobs.ts";
import { createSchedule } from "../../../src/stages/generate/schedule.ts";

interface PlanOptions {
  readonly variantOf?: (index: number) => string;
  /** Seeds a prompt. */
  readonly seeds?: number;
  readonly blockPrompts?: number;
  readonly permits?: (url: string, variant: string) => boolean;
  readonly nowMs?: () => number;
}

/** A plan in memory that answers pages as the database does, and servers that take from it. */
function open(
  count: number,
  { variantOf = () => "base", seeds = 1, blockPrompts = 64, permits = () => true, nowMs = () => 0 }: PlanOptions = {},
) {
  const rows = Array.from({ length: count }, (_, index): JobRow => ({
    job: `j${String(index).padStart(4, "0")}`,
    promptKey: `p_${Math.floor(index / seeds)}`,
    promptPosition: Math.floor(index / seeds),
    variant: variantOf(index),
    seed: "1",
    position: index,
    attempt: 0,
    failures: 0,
    freeFirst: 0,
    sent: "",
    negative: "",
    bound: "{}",
    references: "{}",
  }));
  const taken = new Set<string>();
  let reads = 0;
  const jobs = {
    planned: (after: Pick<JobRow, "position" | "job"> | null, limit: number) => {
      reads++;
      return rows.filter((row) => !taken.has(row.job) && row.position > (after?.position ?? -1)).slice(0, limit);
    },
  };
  const schedule = createSchedule({ jobs, blockPrompts, signatureOf: (variant) => variant, servers: ["a", "b"], permits, nowMs });
  const out = new Map<string, number>();
  const take = (url: string): string | null => {
    const job = schedule.next(url);
    if (job === null) return null;
    taken.add(job.job);
    out.set(url, (out.get(url) ?? 0) + 1);
    schedule.setInFlight(url, out.get(url)!);
    return job.job;
  };
  /** A job ended there. */
  const end = (url: string): void => {
    out.set(url, out.get(url)! - 1);
    schedule.setInFlight(url, out.get(url)!);
  };
  return { schedule, take, end, taken, reads: () => reads };
}

describe("createSchedule()", () => {
  it("gives all servers one job before any gets two", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    expect(take("a")).toBe("j0000");
    expect(take("a")).toBeNull();
    expect(take("b")).toBe("j0001");
    expect(take("a")).toBe("j0002");
    expect(take("b")).toBe("j0003");
  });

  it("does not hold a server at one job for one that is down, or has no room", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    take("a");
    schedule.full("b");
    expect(take("a")).toBe("j0001");
    schedule.moreWork();
    expect(take("a")).toBeNull();
    schedule.serverDown("b");
    expect(take("a")).toBe("j0002");
    expect(take("b")).toBeNull();
  });

  it("does not hold a server at one job for one that finds nothing it may take", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.refuse("base", "b");
    expect(take("b")).toBeNull();
    expect([take("a"), take("a")]).toEqual(["j0000", "j0001"]);
  });

  it("keeps a prompt's seeds on one server", () => {
    const { schedule, take, end } = open(12, { seeds: 3 });
    for (const url of ["a", "b"]) schedule.serverUp(url);
    expect([take("a"), take("b")]).toEqual(["j0000", "j0003"]);
    expect([take("a"), take("b")]).toEqual(["j0001", "j0004"]);
    end("b");
    end("a");
    expect([take("a"), take("b")]).toEqual(["j0002", "j0005"]);
  });

  it("keeps a server with its models inside a block, and leaves no block before its end", () => {
    // Two blocks of two prompts; in each the jobs of x stand before those of y.
    const variantOf = (index: number) => (index % 4 < 2 ? "x" : "y");
    const { schedule, take, end } = open(8, { variantOf, blockPrompts: 4 });
    for (const url of ["a", "b"]) schedule.serverUp(url);
    const order: string[] = [];
    for (let turn = 0; turn < 8; turn++) {
      const url = turn % 2 === 0 ? "a" : "b";
      order.push(`${url}:${take(url)}`);
      end(url);
      schedule.setInFlight(url, 1); // Still known to work on its models.
    }
    expect(order.slice(0, 4).toSorted()).toEqual(["a:j0000", "a:j0001", "b:j0002", "b:j0003"]);
    expect(order.slice(4).toSorted()).toEqual(["a:j0004", "a:j0005", "b:j0006", "b:j0007"]);
  });

  it("takes what is left of a block with other models before it begins the next block", () => {
    const variantOf = (index: number) => (index % 4 < 2 ? "x" : "y");
    const { schedule, take } = open(8, { variantOf, blockPrompts: 4 });
    schedule.serverUp("a");
    schedule.full("b");
    expect(Array.from({ length: 6 }, () => take("a"))).toEqual(["j0000", "j0001", "j0002", "j0003", "j0006", "j0007"]);
  });

  it("takes a job where it failed only if no other server may", () => {
    let bIsTrusted = true;
    const { schedule, take } = open(1, { permits: (url) => url === "a" || bIsTrusted });
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.avoid("j0000", "a");
    expect(take("a")).toBeNull();
    bIsTrusted = false;
    schedule.look();
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
    const { schedule, take } = open(600, { variantOf: (index) => (index < 500 ? "sdxl" : "base") });
    for (const url of ["a", "b"]) schedule.serverUp(url);
    expect(schedule.refuse("sdxl", "a")).toBe(false);
    expect(take("a")).toBe("j0500");
  });

  it("reads each job once, not the plan again for each", () => {
    const { schedule, take, reads } = open(2_000);
    schedule.serverUp("a");
    schedule.full("b");
    for (let index = 0; index < 2_000; index++) expect(take("a")).not.toBeNull();
    expect(reads()).toBeLessThan(12);
  });

  it("finds what was planned again, by us or by another process", () => {
    const { schedule, take, taken } = open(2);
    schedule.serverUp("a");
    schedule.full("b");
    expect([take("a"), take("a"), take("a")]).toEqual(["j0000", "j0001", null]);
    taken.delete("j0000");
    expect(take("a")).toBeNull();
    schedule.look();
    expect(take("a")).toBe("j0000");
  });

  it("says when every server has refused a variant, and waits for one that does not answer now", () => {
    const { schedule } = open(1);
    schedule.serverUp("a");
    schedule.serverDown("b");
    expect(schedule.refuse("base", "a")).toBe(false);
    schedule.serverUp("b");
    expect(schedule.refuse("base", "b")).toBe(true);
  });

  it("does not wait for a server that left the configuration to refuse a variant, too", () => {
    const { schedule } = open(1);
    schedule.serverUp("a");
    expect(schedule.refuse("base", "a")).toBe(false);
    expect(schedule.serverGone("b")).toEqual(["base"]);
  });

  it("does not keep a job for a server that takes nothing new", () => {
    const { schedule, take } = open(2);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.avoid("j0000", "a");
    schedule.pin("j0001", "b");
    expect(take("a")).toBeNull();
    schedule.setOpen("b", false);
    schedule.full("b");
    expect([take("a"), take("a")]).toEqual(["j0000", "j0001"]);
  });

  it("knows whether there is anything for a server", () => {
    const { schedule } = open(1);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    schedule.refuse("base", "a");
    expect([schedule.hasFor("a"), schedule.hasFor("b")]).toEqual([false, true]);
  });

  it("remembers what a server has that did not answer for a moment", () => {
    const { schedule, take } = open(10);
    for (const url of ["a", "b"]) schedule.serverUp(url);
    for (const url of ["a", "b", "a", "b"]) expect(take(url)).not.toBeNull();
    schedule.serverDown("a");
    expect(schedule.totalInFlight(() => true)).toBe(4);
    expect(schedule.totalInFlight((url) => url !== "a")).toBe(2);
    expect(take("a")).toBeNull();
    schedule.serverUp("a");
    schedule.full("a");
    expect(take("b")).not.toBeNull(); // Two are out at each: neither waits for the other.
  });
});
