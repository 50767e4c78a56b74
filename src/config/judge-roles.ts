import type { ConfigFile, JudgeConfig } from "./schema.ts";

/** A judge in a combination, with its weight. Under `rank-mean` all weigh the same. */
export interface CombinedJudge {
  readonly judge: string;
  readonly weight: number;
}

/**
 * The judges that the source `combined` is made of, by name, so that their order in the file changes nothing. Those that the
 * configuration names; else every judge of preference. Technical ones are in it where they are named, or where there are no others.
 */
export function listCombinedJudges({ combine, judges, filters }: Pick<ConfigFile["annotate"], "combine" | "judges" | "filters">) {
  return chooseWeights({ combine, judges, filters }).toSorted((first, second) => (first.judge < second.judge ? -1 : 1));
}

function chooseWeights({ combine, judges, filters }: Pick<ConfigFile["annotate"], "combine" | "judges" | "filters">): CombinedJudge[] {
  const { method, judges: named, weights = {} } = combine;
  if (method === "weights") return Object.entries(weights).map(([judge, weight]) => ({ judge, weight }));
  const scoring = judges.filter(({ name }) => name !== filters.nsfw?.judge);
  const preferring = scoring.filter(({ kind }) => kind !== "builtin");
  const all = (preferring.length > 0 ? preferring : scoring).map(({ name }) => name);
  return (named ?? all).map((judge) => ({ judge, weight: 1 }));
}

/** True for a judge that compares only what another judge scored best and worst: `mode: pairwise` with `pairs: top-bottom`. */
export function needsOtherJudge(judge: JudgeConfig): boolean {
  return judge.kind === "openai" && judge.mode === "pairwise" && judge.pairs === "top-bottom";
}

/** Chooses the judge that `by` names if it is left out: the first judge of preference, else the first technical one. */
export function chooseOtherJudge(judge: JudgeConfig, judges: readonly JudgeConfig[]): string | undefined {
  const others = judges.filter((other) => other.name !== judge.name && !needsOtherJudge(other));
  return (others.find(({ kind }) => kind !== "builtin") ?? others[0])?.name;
}
