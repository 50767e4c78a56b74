import { didYouMean } from "../../lib/nearest.ts";
import { pathOfSet } from "../normalise-pairs.ts";
import { formatPath, type Path } from "../path.ts";
import type { Problem } from "../problem.ts";
import type { ConfigFile } from "../schema.ts";

type Annotate = ConfigFile["annotate"];

/** Finds judges that are named for a part which they cannot have: in the combination, or as the filter of unsafe images. */
export function checkJudgeRoles({ annotate }: Pick<ConfigFile, "annotate">, file: { readonly wrapped: boolean }): readonly Problem[] {
  return [...checkCombine(annotate), ...checkNsfw(annotate, file)];
}

function checkCombine(annotate: Annotate): readonly Problem[] {
  const { method, judges: named, weights } = annotate.combine;
  const at = ["annotate", "combine"];
  const sets = Object.entries(annotate.pairs).flatMap(([set, { from = [] }]) => (from.includes("combined") ? [set] : []));
  if (sets.length > 0 && annotate.judges.length === 0)
    return [problem(["annotate", "judges"], ` is empty, and the pair set ${sets[0]} takes combined: there is nothing to combine`)];
  const members = [
    ...(named ?? []).map((judge, index) => ({ judge, path: [...at, "judges", index] })),
    ...Object.keys(weights ?? {}).map((judge) => ({ judge, path: [...at, "weights", judge] })),
  ];
  return [
    ...(method === "rank-mean" && weights !== undefined
      ? [problem([...at, "weights"], " says nothing under method: rank-mean, where all judges weigh the same: set method: weights", "key")]
      : []),
    ...(method === "weights" && named !== undefined
      ? [problem([...at, "judges"], " says nothing under method: weights: the keys of weights name the judges", "key")]
      : []),
    ...(method === "weights" && Object.keys(weights ?? {}).length === 0
      ? [problem([...at, "method"], " is weights, and there are none: add weights: { JUDGE: 1, … }")]
      : []),
    ...(named ?? []).flatMap((judge, index, all) =>
      all.indexOf(judge) === index
        ? []
        : [problem([...at, "judges", index], ` is the same as ${formatPath([...at, "judges", all.indexOf(judge)])}`)],
    ),
    ...members.flatMap(({ judge, path }) => unknownJudge(judge, { path, annotate })),
    ...members.flatMap(({ judge, path }) => unsafeJudge(judge, { path, annotate })),
  ];
}

function checkNsfw(annotate: Annotate, file: { readonly wrapped: boolean }): readonly Problem[] {
  const { nsfw } = annotate.filters;
  if (nsfw === null) return [];
  const path = ["annotate", "filters", "nsfw", "judge"];
  const isTechnical = annotate.judges.some(({ name, kind }) => name === nsfw.judge && kind === "builtin");
  return [
    ...unknownJudge(nsfw.judge, { path, annotate }),
    ...(isTechnical ? [problem(path, ` is "${nsfw.judge}", of kind builtin, which does not know what an image shows`)] : []),
    ...Object.entries(annotate.pairs).flatMap(([set, { from = [] }]) =>
      from.flatMap((judge, index) => unsafeJudge(judge, { path: [...pathOfSet(set, file), "from", index], annotate })),
    ),
  ];
}

interface Named {
  /** Where the judge is named. */
  readonly path: Path;
  readonly annotate: Annotate;
}

function unknownJudge(judge: string, { path, annotate: { judges } }: Named): readonly Problem[] {
  const names = judges.map(({ name }) => name);
  if (names.includes(judge)) return [];
  const known = didYouMean(judge, names) || (names.length === 0 ? "; there is none" : `; there is ${names.join(", ")}`);
  return [problem(path, ` names "${judge}", which is no judge${known}`)];
}

/** The unsafest image would be the chosen one. */
function unsafeJudge(judge: string, { path, annotate: { filters } }: Named): readonly Problem[] {
  if (judge !== filters.nsfw?.judge) return [];
  return [problem(path, ` names "${judge}", whose scores say how unsafe an image is (annotate.filters.nsfw): it can prefer none`)];
}

function problem(path: Path, what: string, part: "key" | "value" = "value"): Problem {
  return { path, part, message: `${formatPath(path)}${what}` };
}
