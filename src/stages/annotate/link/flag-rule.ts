import type { Config } from "../../../config/schema.ts";

/** What flags of people do to an image. */
export interface FlagRule {
  /** The flags that take it out of every pair; any: each does; none: no flag does anything. */
  readonly takesOut: readonly string[] | "any" | "none";
  /** People who must agree. */
  readonly people: number;
}

/** The flags that take an image out, unless the configuration says otherwise: an image with a flaw is a good loser. */
const TAKES_OUT = ["nsfw", "corrupt"] as const;

/**
 * The rule of a dataset. `defaults` is the set of default values that it keeps: those from before this one go on without images that have any
 * flag, until the key is written, so that an update changes no rows.
 */
export function chooseFlagRule({ flagged, flag_votes: people }: Config["annotate"]["filters"], defaults: number): FlagRule {
  if (flagged === undefined) return { takesOut: defaults === 0 ? "any" : TAKES_OUT, people };
  if (typeof flagged === "boolean") return { takesOut: flagged ? "any" : "none", people };
  return { takesOut: flagged, people };
}

/** What one person marked in one vote. */
export interface FlaggingVote {
  readonly annotator: string;
  /** image_id → flags. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
}

export interface FlaggedImages {
  /** Can be in no pair. */
  readonly out: ReadonlySet<string>;
  /** Can lose, and not be chosen. */
  readonly flawed: ReadonlySet<string>;
}

/** Applies the rule to the votes of one prompt. A flag is about the image, whatever the criterion; a person counts once, however often they vote. */
export function findFlaggedImages(votes: readonly FlaggingVote[], { takesOut, people }: FlagRule): FlaggedImages {
  if (takesOut === "none") return { out: new Set(), flawed: new Set() };
  const said = new Map<string, { readonly imageId: string; readonly takesOut: boolean; readonly by: Set<string> }>();
  for (const { annotator, flags } of votes) {
    for (const [imageId, each] of Object.entries(flags)) {
      for (const flag of each) {
        // Under "any" it does not matter which: people who see different flaws agree that there is one.
        const key = takesOut === "any" ? imageId : `${imageId} ${flag}`;
        const entry = said.get(key) ?? { imageId, takesOut: takesOut === "any" || takesOut.includes(flag), by: new Set() };
        said.set(key, entry);
        entry.by.add(annotator);
      }
    }
  }
  const counting = [...said.values()].filter(({ by }) => by.size >= people);
  const idsOf = (wanted: boolean): Set<string> =>
    new Set(counting.filter((entry) => entry.takesOut === wanted).map(({ imageId }) => imageId));
  return { out: idsOf(true), flawed: idsOf(false) };
}
