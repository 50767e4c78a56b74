import type { PlannedJob } from "../../db/queries/plan/plan.ts";
import { candidateOf, derivedSeeds, DERIVED_SEED_MAX } from "../../identity.ts";
import type { Config } from "../../config/schema.ts";

/** Prompts per scheduling block: pairs of a block are complete before the next block starts. */
export const BLOCK_PROMPTS = 64;

export interface PlannedVariant {
  readonly variant: string;
  readonly workflowSha256: string;
  /** Jobs with one signature need the same models loaded. */
  readonly loaderSignature: string;
}

export interface SeedRule {
  readonly baseSeed: bigint;
  readonly perPrompt: number;
  /** Seeds from the configuration, the same for every prompt; null: derived per prompt. */
  readonly seeds: readonly bigint[] | null;
  /** The largest seed that may be derived. */
  readonly max: number;
}

/** Number of candidates of a prompt: seeds × variants. */
export function candidatesPerPrompt(variants: readonly PlannedVariant[], rule: SeedRule): number {
  return (rule.seeds?.length ?? rule.perPrompt) * variants.length;
}

/** The seeds of one prompt. */
export function seedsOf(rule: SeedRule, promptKey: string): readonly bigint[] {
  return rule.seeds ?? derivedSeeds(rule.baseSeed, promptKey, { count: rule.perPrompt, max: rule.max });
}

/** Plans prompts one by one; variants and seeds are the same for all. */
export function createPlanner(variants: readonly PlannedVariant[], rule: SeedRule) {
  const seedCount = rule.seeds?.length ?? rule.perPrompt;
  // Variants of one signature stand together, signatures in a fixed order.
  const ordered = variants.toSorted((a, b) => compare(a.loaderSignature, b.loaderSignature) || compare(a.variant, b.variant));
  const signatures = [...new Set(ordered.map((variant) => variant.loaderSignature))];
  const jobsPerPrompt = ordered.length * seedCount;

  return {
    /**
     * The candidates of one prompt. Positions order them block by block, in a block by loader signature, then by prompt: checkpoints change
     * rarely, a prompt's seeds stay together (its text encoding stays cached) and its pairs are complete early.
     */
    jobsOf(promptKey: string, promptPosition: number): readonly PlannedJob[] {
      const seeds = seedsOf(rule, promptKey);
      const block = Math.floor(promptPosition / BLOCK_PROMPTS);
      const inBlock = promptPosition % BLOCK_PROMPTS;
      return ordered.flatMap((variant, variantIndex) => {
        const signature = signatures.indexOf(variant.loaderSignature);
        const first = ((block * signatures.length + signature) * BLOCK_PROMPTS + inBlock) * jobsPerPrompt + variantIndex * seedCount;
        return seeds.map((seed, seedIndex) => ({
          job: candidateOf({ promptKey, variant: variant.variant, workflowSha256: variant.workflowSha256, seed }),
          promptKey,
          variant: variant.variant,
          seed: seed.toString(),
          seedIndex,
          position: first + seedIndex,
        }));
      });
    },
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Seeds = Config["candidates"]["seeds"];

/** True if each prompt has seeds of its own, made from the base seed. */
export function areDerived(seeds: Seeds): seeds is Exclude<Seeds, readonly unknown[]> {
  return !Array.isArray(seeds);
}

/** The rule of the configuration for seeds. */
export function seedRuleOf({ seed: baseSeed, candidates }: Pick<Config, "seed" | "candidates">): SeedRule {
  const { seeds, per_prompt: perPrompt } = candidates;
  if (!areDerived(seeds)) return { baseSeed, perPrompt, seeds: seeds.map(BigInt), max: DERIVED_SEED_MAX };
  return { baseSeed, perPrompt, seeds: null, max: seeds === "derived" ? DERIVED_SEED_MAX : seeds.max };
}
