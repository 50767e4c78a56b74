import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCK_PROMPTS, candidatesPerPrompt, createPlanner, type PlannedVariant } from "../../../src/stages/plan/plan.ts";

const base: PlannedVariant = { variant: "base", workflowSha256: "a", loaderSignature: "sd15" };
const high: PlannedVariant = { variant: "high", workflowSha256: "b", loaderSignature: "sd15" };
const sdxl: PlannedVariant = { variant: "sdxl", workflowSha256: "c", loaderSignature: "sdxl" };
const rule = { baseSeed: 7n, perPrompt: 4, seeds: null, max: 2 ** 32 - 1 };

const jobsOf = (variants: readonly PlannedVariant[], prompts: number) => {
  const planner = createPlanner(variants, rule);
  return Array.from({ length: prompts }, (_, index) => planner.jobsOf(`p_${index}`, index)).flat();
};

describe("createPlanner()", () => {
  it("makes seeds × variants candidates a prompt, the same seeds for every variant", () => {
    const jobs = jobsOf([base, sdxl], 1);
    expect(jobs).toHaveLength(candidatesPerPrompt([base, sdxl], rule));
    const seedsOf = (variant: string) => jobs.filter((job) => job.variant === variant).map((job) => job.seed);
    expect(seedsOf("base")).toEqual(seedsOf("sdxl"));
    expect(new Set(seedsOf("base")).size).toBe(4);
  });

  it("keeps the candidates that are there when prompts or variants are added", () => {
    const before = new Set(jobsOf([base], 3).map((job) => job.job));
    const after = new Set(jobsOf([base, high, sdxl], 5).map((job) => job.job));
    expect(before.isSubsetOf(after)).toBe(true);
  });

  it("takes seeds from the configuration as they are, up to 2^64 - 1", () => {
    const planner = createPlanner([base], { ...rule, seeds: [0n, 18446744073709551615n] });
    expect(planner.jobsOf("p_0", 0).map((job) => job.seed)).toEqual(["0", "18446744073709551615"]);
  });

  it("orders by block, then loader signature, then prompt: a checkpoint is loaded once a block", () => {
    const jobs = jobsOf([sdxl, high, base], 2 * BLOCK_PROMPTS).toSorted((a, b) => a.position - b.position);
    const signatureOf = new Map([base, high, sdxl].map((variant) => [variant.variant, variant.loaderSignature]));
    const runs: string[] = [];
    for (const job of jobs) {
      const signature = signatureOf.get(job.variant)!;
      if (runs.at(-1) !== signature) runs.push(signature);
    }
    expect(runs).toEqual(["sd15", "sdxl", "sd15", "sdxl"]);
    expect(jobs.slice(0, 8).every((job) => job.promptKey === "p_0")).toBe(true);
  });

  it("gives every candidate its own position and identity", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.subarray([base, high, sdxl], { minLength: 1 }), (prompts, variants) => {
        const jobs = jobsOf(variants, prompts);
        expect(new Set(jobs.map((job) => job.position)).size).toBe(jobs.length);
        expect(new Set(jobs.map((job) => job.job)).size).toBe(jobs.length);
      }),
      { numRuns: 20 },
    );
  });
});
