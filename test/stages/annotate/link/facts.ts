import { configSchema, type PairsPolicy } from "../../../../src/config/schema.ts";
import type { CandidateImage, GroupFacts, LinkRules, Vote } from "../../../../src/stages/annotate/link/group-facts.ts";

/** A usable image; names sort as image_ids do. The hash of a name is far from that of any other. */
export function candidate(imageId: string, { look, scores, ...rest }: CandidateOptions = {}): CandidateImage {
  const nibble = (imageId.charCodeAt(0) % 16).toString(16);
  return {
    imageId,
    state: "stored",
    variant: "base",
    sha256: `file ${imageId}`,
    look:
      look === null
        ? null
        : { widthPx: 512, heightPx: 512, pixelSha256: `pixels ${imageId}`, perceptualHash: nibble.repeat(16), lumaStd: 40, ...look },
    flagged: false,
    flawed: false,
    scores: new Map(Object.entries(scores ?? {})),
    ...rest,
  };
}

export interface CandidateOptions extends Partial<Omit<CandidateImage, "look" | "scores" | "imageId">> {
  readonly look?: Partial<NonNullable<CandidateImage["look"]>> | null;
  readonly scores?: Readonly<Record<string, number | null>>;
}

/** Images a, b, c, … with these scores of the judge `j`. */
export function scored(...scores: readonly (number | null)[]): CandidateImage[] {
  return scores.map((score, index) => candidate(String.fromCharCode(97 + index), { scores: { j: score } }));
}

export function facts(images: readonly CandidateImage[], votes: readonly Vote[] = []): GroupFacts {
  return { promptKey: "p_1", criterion: "overall", images, votes };
}

/** The judge `j` is of preference and all that `combined` is made of. */
export function rules(policy: Partial<PairsPolicy> = {}, filters: Partial<LinkRules["filters"]> = {}): LinkRules {
  const defaults = configSchema.shape.annotate.parse({});
  const full = { ...defaults.pairs["main"]!, from: ["people", "j"], ...policy };
  return {
    policy: full,
    filters: { ...defaults.filters, ...filters },
    sources: full.from,
    combination: { method: "rank-mean", judges: [{ judge: "j", weight: 1 }] },
  };
}

/** "a>b=c" over the images "abcd": a before b and c, which are tied, before d, which was shown and not ranked. */
export function vote(ranking: string, shown: string = ranking.replaceAll(/[>=]/g, "")): Vote {
  const tiers = ranking.split(">").map((tier) => tier.split("="));
  return { kind: tiers.length === 1 && tiers[0]!.length === shown.length ? "tie" : "choice", shown: shown.split(""), ranking: tiers };
}

export const bothBad = (shown: string): Vote => ({ kind: "both_bad", shown: shown.split(""), ranking: [] });
export const skip = (shown: string): Vote => ({ kind: "skip", shown: shown.split(""), ranking: [] });

/** `a>b,c` for a row. */
export function rowText({
  chosen,
  rejected,
}: {
  readonly chosen: { readonly imageId: string };
  readonly rejected: readonly { readonly imageId: string }[];
}): string {
  return `${chosen.imageId}>${rejected.map(({ imageId }) => imageId).join()}`;
}
