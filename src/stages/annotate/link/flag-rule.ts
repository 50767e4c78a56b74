import type { Config } from "../../../config/schema.ts";

/** What people's flags do to an image. */
export interface FlagRule {
  /** The flags that take an image out of every pair. "any": every flag does. "none": flags have no effect. */
  readonly takesOut: readonly string[] | "any" | "none";
  /** Number of people who must agree. */
  readonly people: number;
}

/** The flags that take an image out by default. Images with other flaws are good losers. */
const TAKES_OUT = ["nsfw", "corrupt"] as const;

/**
 * Chooses the rule of a dataset. `defaults` is the version of default values that the dataset keeps. In a dataset of version 0 any flag takes
 * an image out until the key is set, so that an update changes no rows.
 */
export function chooseFlagRule({ flagged, flag_votes: people }: Config["annotate"]["filters"], defaults: number): FlagRule {
  if (flagged === undefined) return { takesOut: defaults === 0 ? "any" : TAKES_OUT, people };
  if (typeof flagged === "boolean") return { takesOut: flagged ? "any" : "none", people };
  return { takesOut: flagged, people };
}

/** The flags of one vote. */
export interface FlaggingVote {
  readonly annotator: string;
  /** image_id → flags. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
}

export interface FlaggedImages {
  /** image_ids that can be in no pair. */
  readonly out: ReadonlySet<string>;
  /** image_ids that can be rejected but not chosen. */
  readonly flawed: ReadonlySet<string>;
}

/** Applies the rule to the votes of one prompt, under all criteria: a flag is about the image. A person counts once, however often they vote. */
export function findFlaggedImages(votes: readonly FlaggingVote[], { takesOut, people }: FlagRule): FlaggedImages {
  if (takesOut === "none") return { out: new Set(), flawed: new Set() };
  const flagged = new Map<string, { readonly imageId: string; readonly takesOut: boolean; readonly by: Set<string> }>();
  for (const { annotator, flags } of votes) {
    for (const [imageId, each] of Object.entries(flags)) {
      for (const flag of each) {
        // With "any", people who see different flaws agree that there is one.
        const key = takesOut === "any" ? imageId : `${imageId} ${flag}`;
        const entry = flagged.get(key) ?? { imageId, takesOut: takesOut === "any" || takesOut.includes(flag), by: new Set() };
        flagged.set(key, entry);
        entry.by.add(annotator);
      }
    }
  }
  const counting = [...flagged.values()].filter(({ by }) => by.size >= people);
  const idsOf = (wanted: boolean): Set<string> =>
    new Set(counting.filter((entry) => entry.takesOut === wanted).map(({ imageId }) => imageId));
  return { out: idsOf(true), flawed: idsOf(false) };
}
