import { array, assert, boolean, constantFrom, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { createUnjudgedSubmissions } from "../../../src/stages/generate/job-book.ts";

describe("createUnjudgedSubmissions()", () => {
  it("blames a job that is never judged while the server takes others", () => {
    const unjudged = createUnjudgedSubmissions();
    expect([1, 2, 3].map(() => unjudged.isJobsFault("poison", "a"))).toEqual([false, false, false]);
    unjudged.taken("a");
    expect(unjudged.isJobsFault("poison", "a")).toBe(true);
    unjudged.forget("poison");
    expect(unjudged.isJobsFault("poison", "a")).toBe(false);
  });

  it("blames no job of a server that takes none, whatever others take", () => {
    const unjudged = createUnjudgedSubmissions();
    unjudged.taken("a");
    for (let time = 0; time < 100; time++) {
      unjudged.taken("b");
      expect(unjudged.isJobsFault("j", "a")).toBe(false);
    }
    expect(unjudged.countOf("j")).toBe(100);
  });

  it("blames only after at least four of one server, and one job taken there since the first", () => {
    const step = record({ job: constantFrom("x", "y"), server: constantFrom("a", "b"), isTaken: boolean() });
    assert(
      property(array(step, { maxLength: 60 }), (steps) => {
        const unjudged = createUnjudgedSubmissions();
        const seen = new Map<string, { count: number; takenSince: boolean }>();
        for (const { job, server, isTaken } of steps) {
          if (isTaken) {
            unjudged.taken(server);
            for (const [key, entry] of seen) entry.takenSince ||= key.endsWith(server);
            continue;
          }
          const key = `${job} ${server}`;
          const entry = seen.get(key) ?? { count: 0, takenSince: false };
          seen.set(key, { ...entry, count: entry.count + 1 });
          expect(unjudged.isJobsFault(job, server)).toBe(entry.count + 1 >= 4 && entry.takenSince);
        }
      }),
    );
  });
});
