import type { TableImageRecord } from "../../../db/queries/export/export-tables.ts";
import { type FinalGroup, openGroupSources, readGroups } from "../../annotate/link/read-groups.ts";
import type { LinkRules } from "../../annotate/link/group-facts.ts";
import { rankGroup, type GroupRanking } from "../../annotate/link/rank-group.ts";
import type { TableSource } from "./table.ts";
import { planLinkRules } from "../../annotate/link/link-rules.ts";

export interface RankedGroup {
  readonly promptKey: string;
  readonly prompt: string;
  readonly negative: string;
  readonly split: number;
  readonly criterion: string;
  readonly rankings: readonly GroupRanking[];
  /** Every stored image of the prompt, by image_id. */
  readonly images: ReadonlyMap<string, TableImageRecord & { readonly uri: string; readonly sha256: string }>;
}

/** Yields every final group under every criterion, ranked by the rules of the exported pair set. Holds one page of prompts in memory. */
export async function* rankedGroups(source: TableSource): AsyncGenerator<RankedGroup> {
  const { config, judges, view, queries, splitOf, checkpoint } = source;
  const policy = config.annotate.pairs[config.export.pairs];
  if (policy === undefined) return;
  const sources = openGroupSources(view, { config, judges });
  const rules = config.annotate.criteria.map((criterion) => ({
    criterion,
    rules: planLinkRules({ annotate: config.annotate, policy, judges, criterion, anyVote: sources.votes.anyVoteUnder(criterion) }),
  }));
  for (const range of sources.groups.ranges()) {
    for (const group of readGroups(range, sources).final) {
      const ranked = rules.map((each) => ({ criterion: each.criterion, rankings: rankedUnder(group, each) }));
      if (ranked.every(({ rankings }) => rankings.length === 0)) continue;
      const { promptKey } = group;
      const { prompt, negative } = queries.readPrompt(promptKey);
      const split = splitOf(prompt);
      const images = storedImages(queries.readImages(group.images.map(({ imageId }) => imageId)));
      for (const { criterion, rankings } of ranked) yield { promptKey, prompt, negative, split, criterion, rankings, images };
    }
    await checkpoint();
  }
}

function rankedUnder(
  { promptKey, images, votes }: FinalGroup,
  { criterion, rules }: { readonly criterion: string; readonly rules: LinkRules },
): readonly GroupRanking[] {
  return rankGroup({ promptKey, criterion, images, votes: votes.get(criterion) ?? [] }, rules);
}

function storedImages(records: readonly TableImageRecord[]): RankedGroup["images"] {
  return new Map(
    records.flatMap((image) => {
      const { imageId, uri, sha256 } = image;
      return uri === null || sha256 === null ? [] : [[imageId, { ...image, uri, sha256 }] as const];
    }),
  );
}
