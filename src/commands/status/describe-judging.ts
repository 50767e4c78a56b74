import type { Context } from "../../context.ts";
import { linkedCounts } from "../../db/queries/annotate/linked-counts.ts";
import { scoreQueries } from "../../db/queries/annotate/scores.ts";
import { votesCast } from "../../db/queries/annotate/votes-cast.ts";
import { openJudges } from "../../judges/registry.ts";
import { counted } from "../../lib/words.ts";
import { describeFlags } from "../messages/describe-flags.ts";

export interface JudgingState {
  /** For people: a line each. */
  readonly lines: readonly string[];
  /** For the event, by the names that it has there. */
  readonly fields: {
    readonly judges: readonly { readonly judge: string; readonly version: string; readonly scored: number; readonly not_told: number }[];
    readonly votes: number;
    /** By pair set, as linked last. */
    readonly rows_linked: Readonly<Record<string, number>>;
  };
}

/**
 * How far judges and people are, and what was linked last. A judge scores what could be decoded, group by group: fewer than the stored
 * images are no failure by themselves.
 */
export function describeJudging({ db, config }: Pick<Context, "db" | "config">, images: number): JudgingState {
  const scores = scoreQueries(db).countByVersion();
  const judges = openJudges(config.annotate.judges).map(({ name, version }) => {
    const own = scores.find((count) => count.judge === name && count.version === version);
    return { judge: name, version, scored: own?.scores ?? 0, not_told: (own?.scores ?? 0) - (own?.told ?? 0) };
  });
  const { votes, annotators, prompts } = votesCast(db);
  const linked = Object.keys(config.annotate.pairs).map((pairSet) => [pairSet, linkedCounts(db, pairSet)] as const);
  return {
    lines: [
      ...judges.map(
        ({ judge, version, scored, not_told: notTold }) =>
          `judge       ${judge} (${version}) scored ${scored} of ${counted(images, "stored image")}${notTold > 0 ? `, ${notTold} of them null: it could not tell` : ""}`,
      ),
      ...(votes > 0 ? [`votes       ${votes} by ${counted(annotators, "person", "people")} on ${counted(prompts, "prompt")}`] : []),
      ...linked.flatMap(([pairSet, { rows, drops }]) => {
        const flags = describeFlags({ images: drops["image:flagged"] ?? 0, pairs: drops["pair:flagged"] ?? 0 });
        if (rows === 0 && flags === undefined) return [];
        return [`pairs       ${pairSet}: ${counted(rows, "row")} linked${flags === undefined ? "" : `; ${flags}`}`];
      }),
    ],
    fields: { judges, votes, rows_linked: Object.fromEntries(linked.map(([pairSet, { rows }]) => [pairSet, rows])) },
  };
}
