import type { Config } from "../../../config/schema.ts";
import type { Db } from "../../../db/open.ts";
import { type GroupImageRow, groupQueries, type InspectionOf, type RowRange } from "../../../db/queries/annotate/groups.ts";
import { scoreQueries } from "../../../db/queries/annotate/scores.ts";
import { type PromptVoteRow, voteQueries } from "../../../db/queries/annotate/votes.ts";
import { keptDefaults } from "../../../db/queries/overview/dataset.ts";
import type { Judge } from "../../../judges/judge.ts";
import { findFlaggedImages, type FlaggingVote, type FlagRule, chooseFlagRule } from "./flag-rule.ts";
import type { CandidateImage, Vote } from "./group-facts.ts";

/** One final group with its images and the votes under all criteria. */
export interface FinalGroup {
  readonly promptKey: string;
  /** In image_id order. */
  readonly images: readonly CandidateImage[];
  /** Votes by criterion, each list in vote_id order. */
  readonly votes: ReadonlyMap<string, readonly Vote[]>;
}

/** The queries and settings that groups are read with. */
export interface GroupSources {
  readonly groups: ReturnType<typeof groupQueries>;
  readonly scores: ReturnType<typeof scoreQueries>;
  readonly votes: ReturnType<typeof voteQueries>;
  /** The judges whose scores count, in their configured versions. */
  readonly judges: readonly Pick<Judge, "name" | "version">[];
  readonly flags: FlagRule;
}

interface GroupSettings {
  readonly config: { readonly annotate: Pick<Config["annotate"], "filters"> };
  readonly judges: GroupSources["judges"];
}

/** Prepares the queries and settings for reading a dataset's groups. */
export function openGroupSources(db: Pick<Db, "client" | "orm">, { config, judges }: GroupSettings): GroupSources {
  return {
    groups: groupQueries(db),
    scores: scoreQueries(db),
    votes: voteQueries(db),
    judges,
    flags: chooseFlagRule(config.annotate.filters, keptDefaults(db)),
  };
}

export interface GroupPage {
  readonly final: readonly FinalGroup[];
  /** Number of groups that can still change. */
  readonly pending: number;
}

/**
 * Reads the groups of a range of prompts, with one scan of each table.
 * @param inspectionOf finds inspections. A pass over all groups passes a cursor, which reads them in order.
 */
export function readGroups(
  range: RowRange,
  { groups, scores, votes, judges, flags }: GroupSources,
  inspectionOf?: InspectionOf,
): GroupPage {
  const planned = groups.groupsIn(range, inspectionOf).filter(({ hasJobs }) => hasJobs);
  const votesByPrompt = Map.groupBy(votes.votesIn(range), ({ promptKey }) => promptKey);
  const scoresByImage = indexCurrentScores(scores.scoresIn(range), judges);

  const final = planned
    .filter(({ isFinal }) => isFinal)
    .map(({ promptKey, images }): FinalGroup => {
      const cast = votesByPrompt.get(promptKey) ?? [];
      const { out, flawed } = findFlaggedImages(cast.flatMap(parseFlags), flags);
      const byCriterion = [...Map.groupBy(cast, ({ criterion }) => criterion)];
      return {
        promptKey,
        images: images.map((row) =>
          toCandidate(row, {
            flagged: out.has(row.imageId),
            flawed: flawed.has(row.imageId),
            scores: scoresByImage.get(row.imageId) ?? NO_SCORES,
          }),
        ),
        votes: new Map(byCriterion.map(([criterion, rows]) => [criterion, rows.map(parseVote)])),
      };
    });
  return { final, pending: planned.length - final.length };
}

/** An empty JSON array as SQLite writes it. */
const NONE = "[]";
const NO_SCORES: CandidateImage["scores"] = new Map();

function indexCurrentScores(
  rows: ReturnType<GroupSources["scores"]["scoresIn"]>,
  judges: GroupSources["judges"],
): ReadonlyMap<string, Map<string, number | null>> {
  const versions = new Map(judges.map(({ name, version }) => [name, version]));
  const byImage = new Map<string, Map<string, number | null>>();
  for (const { imageId, judge, version, score } of rows) {
    if (versions.get(judge) !== version) continue; // Scores of another version, or of a judge that is no longer configured, do not count.
    const ofImage = byImage.get(imageId);
    if (ofImage === undefined) byImage.set(imageId, new Map([[judge, score]]));
    else ofImage.set(judge, score);
  }
  return byImage;
}

function toCandidate(row: GroupImageRow, facts: Pick<CandidateImage, "flagged" | "flawed" | "scores">): CandidateImage {
  const { imageId, variant, sha256, widthPx, heightPx, pixelSha256, perceptualHash, lumaStd } = row;
  // No image of a final group is `listed`.
  const state = row.state === "listed" ? "rejected" : row.state;
  const isSeen = widthPx !== null && heightPx !== null && pixelSha256 !== null && perceptualHash !== null && lumaStd !== null;
  return { imageId, variant, sha256, state, look: isSeen ? { widthPx, heightPx, pixelSha256, perceptualHash, lumaStd } : null, ...facts };
}

/** Parses a vote. Its JSON holds only image_ids, so it needs no exact parser, and it was checked when it was written. */
function parseVote({ kind, shown, ranking, remade }: PromptVoteRow): Vote {
  const vote: Vote = { kind, shown: JSON.parse(shown) as string[], ranking: JSON.parse(ranking) as string[][] };
  if (remade === NONE) return vote;
  const gone = new Set(JSON.parse(remade) as string[]);
  const kept = (images: readonly string[]): string[] => images.filter((imageId) => !gone.has(imageId));
  return { kind, shown: kept(vote.shown), ranking: vote.ranking.map(kept).filter((tier) => tier.length > 0) };
}

function parseFlags({ annotator, flags, remade }: PromptVoteRow): FlaggingVote[] {
  if (flags === "{}") return [];
  const byImage = JSON.parse(flags) as Record<string, string[]>; // As above.
  const gone = remade === NONE ? [] : (JSON.parse(remade) as string[]);
  return [{ annotator, flags: Object.fromEntries(Object.entries(byImage).filter(([imageId]) => !gone.includes(imageId))) }];
}
