import type { Config } from "../../config/schema.ts";
import { DERIVED_SEED_MAX } from "../../identity.ts";
import type { SeedRule } from "./plan.ts";

type Seeds = Config["candidates"]["seeds"];

/** True where each prompt has seeds of its own, made from the base seed. */
export function areDerived(seeds: Seeds): seeds is Exclude<Seeds, readonly unknown[]> {
  return !Array.isArray(seeds);
}

/** What the configuration says of seeds. */
export function seedRuleOf({ seed: baseSeed, candidates }: Pick<Config, "seed" | "candidates">): SeedRule {
  const { seeds, per_prompt: perPrompt } = candidates;
  if (!areDerived(seeds)) return { baseSeed, perPrompt, seeds: seeds.map(BigInt), max: DERIVED_SEED_MAX };
  return { baseSeed, perPrompt, seeds: null, max: seeds === "derived" ? DERIVED_SEED_MAX : seeds.max };
}
