import { DAY_MS } from "../lib/units.ts";
import type { VoteQueries, VoteRow } from "../db/queries/annotate/votes.ts";
import { type RawVote, VoteError, imageIdIn } from "./raw-vote.ts";

const SHA256 = /^[0-9a-f]{64}$/i;

export interface ResolveOptions {
  readonly queries: Pick<VoteQueries, "promptKeyOf" | "imageIdsBySha256">;
  /** The configured criteria; the first is that of a vote that names none. */
  readonly criteria: readonly string[];
  /** The source of the vote. */
  readonly source: string;
}

/** Looks up a vote's images, and checks it against the dataset and itself. @throws {VoteError} for all that does not fit. */
export function resolveVote(vote: RawVote, { queries, criteria, source }: ResolveOptions): VoteRow {
  const criterion = vote.criterion ?? criteria[0];
  if (criterion === undefined || !criteria.includes(criterion)) {
    throw new VoteError("unknown-criterion", `the criterion ${criterion} is none of ${criteria.join(", ")}`);
  }
  const idOf = new Map(vote.shown.map((name) => [name, imageIdOf(name, queries)]));
  const shown = vote.shown.map((name) => idOf.get(name) ?? name);
  if (new Set(shown).size < shown.length) throw new VoteError("contradiction", "an image is shown twice");

  /** Choices, rankings and flags may name an image by another of its names. */
  const shownId = (name: string, where: string): string => {
    const id = idOf.get(name) ?? imageIdOf(name, queries);
    if (!shown.includes(id)) throw new VoteError("contradiction", `${where} names ${name}, which was not shown`);
    return id;
  };
  const ranking = vote.ranking.map((tier) => tier.map((name) => shownId(name, vote.kind === "choice" ? "the outcome" : "the tie")));
  const ranked = ranking.flat();
  if (new Set(ranked).size < ranked.length) throw new VoteError("contradiction", "an image is ranked twice");
  const flags = Object.entries(vote.flags).map(([name, marks]): [string, readonly string[]] => [shownId(name, "flags"), marks]);

  return {
    voteId: vote.voteId,
    promptKey: commonPrompt(shown, { vote, queries }),
    criterion,
    annotator: vote.annotator,
    shown: JSON.stringify(shown),
    ranking: JSON.stringify(ranking),
    kind: vote.kind,
    flags: JSON.stringify(Object.fromEntries(flags.toSorted(([first], [second]) => (first < second ? -1 : 1)))),
    durationMs: keptDurationMs(vote.durationMs),
    castAtMs: vote.castAtMs,
    source,
  };
}

function imageIdOf(name: string, queries: ResolveOptions["queries"]): string {
  const imageId = imageIdIn(name);
  if (imageId !== undefined) return imageId; // Whether it exists shows when its prompt is looked up.
  if (!SHA256.test(name)) throw new VoteError("unknown-image", `${name} is no image_id, no URI that ends in one, and no SHA-256`);
  const [only, other] = queries.imageIdsBySha256(name.toLowerCase());
  if (only === undefined) throw new VoteError("unknown-image", `no image has the SHA-256 ${name}`);
  if (other !== undefined) throw new VoteError("ambiguous-image", `several images are the file ${name}: name it by image_id`);
  return only;
}

function commonPrompt(
  shown: readonly string[],
  { vote, queries }: { readonly vote: RawVote; readonly queries: ResolveOptions["queries"] },
): string {
  const prompts = new Set(
    shown.map((imageId) => {
      const promptKey = queries.promptKeyOf(imageId);
      if (promptKey === null) throw new VoteError("unknown-image", `no image has the image_id ${imageId}`);
      return promptKey;
    }),
  );
  const [promptKey, other] = prompts;
  if (promptKey === undefined || other !== undefined) throw new VoteError("mixed-prompts", `its images belong to ${prompts.size} prompts`);
  if (vote.promptKey !== null && vote.promptKey !== promptKey) {
    throw new VoteError("wrong-prompt", `its images belong to ${promptKey}, not to ${vote.promptKey}`);
  }
  return promptKey;
}

/** A day; the CHECK of `votes.duration_ms` (migration 0008) refuses more. */
const DURATION_MAX_MS = DAY_MS;

/**
 * Returns the time that a vote took, ms, as the database keeps it: null where it is unknown, or beyond a day, since a task that was left
 * open says nothing.
 */
export function keptDurationMs(durationMs: number | null): number | null {
  return durationMs !== null && durationMs >= 0 && durationMs <= DURATION_MAX_MS ? durationMs : null;
}
