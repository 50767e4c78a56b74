import { askedSize } from "../../comfy/graph/asked-size.ts";
import { mayMakeSeveral } from "../../comfy/graph/constant-inputs.ts";
import type { Config, PairsPolicy } from "../../config/schema.ts";
import type { ReadyToPlan } from "../../stages/plan/prepare-variants.ts";
import type { Finding } from "./finding.ts";

/** Perceptual hashes have so many bits: no two images are further apart. */
const HASH_BITS = 64;

interface Night {
  readonly config: Pick<Config, "annotate" | "export">;
  readonly variants: readonly ReadyToPlan[];
  /** Seeds of each prompt and variant. */
  readonly seeds: number;
  /** The bound names that each job fills. */
  readonly perJob: readonly string[];
}

/** Refuses a configuration of which no night can give a row of the exported pair set, whatever comes out of it. */
export function rowlessNight(night: Night): readonly Finding[] {
  const { annotate, export: exported } = night.config;
  const policy = annotate.pairs[exported.pairs];
  if (policy === undefined) return [];
  const why = tooFew(night, policy) ?? neverDecided(annotate, policy);
  return why === null ? [] : [{ what: "rows", ok: false, text: `this configuration can never give a row of ${exported.pairs}: ${why}` }];
}

function tooFew(night: Night, { across }: PairsPolicy): string | null {
  const { variants, seeds } = night;
  const imagesOf = (each: readonly ReadyToPlan[]): number =>
    each.reduce((sum, { graph, bound }) => sum + (mayMakeSeveral(graph, bound.outputs) ? Infinity : seeds), 0);
  if (across === "within") {
    if (variants.some((variant) => imagesOf([variant]) > 1)) return null;
    return "pairs.across: within pairs images of one variant, and each variant makes one of a prompt. Try: candidates.per_prompt: 4, or across: any";
  }
  if (across === "any") {
    if (imagesOf(variants) < 2)
      return "each prompt has one image, and a pair takes two. Try: candidates.per_prompt: 4, or a second variant";
    if (variants.some((one) => imagesOf([one]) > 1 || variants.some((other) => one !== other && mayMatch(one, other, night)))) return null;
    return "each variant makes one image of a prompt, and no two of them have one size. Try: candidates.per_prompt: 4, or variants of one size";
  }
  return neverAcross(night, across);
}

/** False where the graphs say that the images of two variants differ in size. Where one of them does not say, they may match. */
function mayMatch(one: ReadyToPlan, other: ReadyToPlan, { perJob }: Night): boolean {
  const [first, second] = [one, other].map(({ graph, bound }) => {
    const isPerPrompt = perJob.some((name) => (bound.bindings[name] ?? []).some(({ input }) => input === "width" || input === "height"));
    const [output] = bound.outputs;
    return isPerPrompt || output === undefined ? null : askedSize(graph, output);
  });
  return first == null || second == null || (first.widthPx === second.widthPx && first.heightPx === second.heightPx);
}

function neverAcross(night: Night, across: Exclude<PairsPolicy["across"], string>): string | null {
  const { variants, seeds } = night;
  const named = (names: readonly string[]): readonly ReadyToPlan[] =>
    variants.filter(({ variant }) => names.some((name) => variant === name || variant.startsWith(`${name}/`)));
  const [chosen, rejected] = [named(across.chosen), named(across.rejected)];
  for (const [side, found] of [["chosen", chosen] as const, ["rejected", rejected] as const]) {
    if (found.length > 0) continue;
    const known = [...new Set(variants.map(({ variant }) => variant.split("/")[0]))].join(", ");
    return `pairs.across.${side} names ${across[side].join(", ") || "nothing"}, and there is no such variant. Try: ${known}`;
  }
  const canPair = (one: ReadyToPlan, other: ReadyToPlan): boolean =>
    mayMatch(one, other, night) && (one !== other || seeds > 1 || mayMakeSeveral(one.graph, one.bound.outputs));
  if (chosen.some((one) => rejected.some((other) => canPair(one, other)))) return null;
  return "the variants of pairs.across.chosen and those of rejected never have two images of one size. Try: variants of one size";
}

function neverDecided(
  { filters, people }: Config["annotate"],
  { from, min_votes: minVotes, min_margin: minMargin }: PairsPolicy,
): string | null {
  if (filters.near_duplicate >= HASH_BITS)
    return `annotate.filters.near_duplicate: ${filters.near_duplicate} takes any two images for the same. Try: 4`;
  if (from.some((source) => source !== "people")) return null;
  if (minVotes > people.max_votes) {
    return `pairs.min_votes is ${minVotes}, and a comparison gets at most people.max_votes: ${people.max_votes}. Try: max_votes: ${minVotes}`;
  }
  return minMargin >= 1 ? `pairs.min_margin is ${minMargin}, and scores of people lie between 0 and 1. Try: min_margin: 0` : null;
}
