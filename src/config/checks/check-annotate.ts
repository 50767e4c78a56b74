import { didYouMean } from "../../lib/nearest.ts";
import { checkHttpUrl } from "../addresses.ts";
import { pathOfSet } from "../normalise-pairs.ts";
import { formatPath, type Path } from "../path.ts";
import { findTwice, problemAt, type Problem } from "../problem.ts";
import { ADOPTED_VARIANT, type ConfigFile } from "../schema.ts";
import { checkHeaders, whyNot } from "./check-addresses.ts";

/** Names that a judge cannot have: they are sources of their own. */
const OWN_SOURCES = ["people", "combined"];

/** The form in which the file was written. */
export interface FileForm {
  /** True if `annotate.pairs` was one mapping alone. */
  readonly wrapped: boolean;
}

/** Finds names under `annotate` that lead nowhere or are used twice, and settings of people that contradict each other. */
export function checkAnnotate(
  { annotate: { criteria, judges, pairs, people }, candidates: { variants } }: ConfigFile,
  file: FileForm,
): readonly Problem[] {
  const names = judges.map(({ name }) => name);
  const sources = [...OWN_SOURCES, ...names];
  return [
    ...findTwice(criteria, (index) => ["annotate", "criteria", index]),
    ...findTwice(names, (index) => ["annotate", "judges", index, "name"]),
    ...names.flatMap((name, index) =>
      OWN_SOURCES.includes(name)
        ? [problemAt(["annotate", "judges", index, "name"], ` is "${name}", the name of a built-in source: choose another name`)]
        : [],
    ),
    ...judges.flatMap((judge, index) =>
      judge.kind === "builtin"
        ? []
        : [
            ...whyNot(checkHttpUrl(judge.url), ["annotate", "judges", index, "url"]),
            ...checkHeaders(judge.headers, ["annotate", "judges", index, "headers"]),
          ],
    ),
    ...checkPeople(people),
    ...Object.entries(pairs).flatMap(([set, { from = [], across }]) => [
      ...(typeof across === "string" ? [] : checkAcross(across, { at: pathOfSet(set, file), variants: variants.map(({ name }) => name) })),
      ...findTwice(from, (index) => [...pathOfSet(set, file), "from", index]),
      ...from.flatMap((source, index) =>
        sources.includes(source)
          ? []
          : [
              problemAt(
                [...pathOfSet(set, file), "from", index],
                ` is "${source}", which is no source${didYouMean(source, sources) || `; there is people${names.map((name) => `, ${name}`).join("")}`}`,
              ),
            ],
      ),
    ]),
  ];
}

function checkPeople({ task, order, overlap, max_votes: maxVotes, public_url: url }: ConfigFile["annotate"]["people"]): readonly Problem[] {
  const at = (key: string): Path => ["annotate", "people", key];
  const checked = url === null ? null : checkHttpUrl(url);
  return [
    ...(checked === null ? [] : whyNot(checked, at("public_url"))),
    ...(checked === null || "why" in checked || new URL(checked.url).pathname === "/"
      ? []
      : [problemAt(at("public_url"), " has a path; the page needs a host name, or a port, of its own")]),
    ...(maxVotes < overlap
      ? [problemAt(at("max_votes"), ` is ${maxVotes}, fewer than the overlap of ${overlap} that every comparison gets`)]
      : []),
    ...(order === "swiss" && task !== "pair"
      ? [problemAt(at("order"), ` is swiss, a tournament of pairs, and the task is ${task}: set task: pair, or another order`)]
      : []),
  ];
}

interface AcrossPlace {
  /** Path of the set. */
  readonly at: Path;
  readonly variants: readonly string[];
}

/** A variant's name stands for all that its lists expand to; `name/key=value` for one of them. */
function checkAcross(
  across: { readonly chosen: readonly string[]; readonly rejected: readonly string[] },
  { at, variants }: AcrossPlace,
): readonly Problem[] {
  return (["chosen", "rejected"] as const).flatMap((side) =>
    across[side].flatMap((variant, index) => {
      const [name = ""] = variant.split("/", 1);
      if (variants.includes(name) || name === ADOPTED_VARIANT) return [];
      return [
        problemAt(
          [...at, "across", side, index],
          ` is "${variant}", which is no variant${didYouMean(name, variants) || `; there is ${variants.join(", ")}`}`,
        ),
      ];
    }),
  );
}

type Annotate = ConfigFile["annotate"];

/** Finds judges that are named for a part which they cannot have: in the combination, or as the filter of unsafe images. */
export function checkJudgeRoles({ annotate }: Pick<ConfigFile, "annotate">, file: FileForm): readonly Problem[] {
  return [...checkCombine(annotate), ...checkNsfw(annotate, file)];
}

function checkCombine(annotate: Annotate): readonly Problem[] {
  const { method, judges: named, weights } = annotate.combine;
  const at = ["annotate", "combine"];
  const sets = Object.entries(annotate.pairs).flatMap(([set, { from = [] }]) => (from.includes("combined") ? [set] : []));
  if (sets.length > 0 && annotate.judges.length === 0)
    return [problemAt(["annotate", "judges"], ` is empty, and the pair set ${sets[0]} takes combined: there is nothing to combine`)];
  const members = [
    ...(named ?? []).map((judge, index) => ({ judge, path: [...at, "judges", index] })),
    ...Object.keys(weights ?? {}).map((judge) => ({ judge, path: [...at, "weights", judge] })),
  ];
  return [
    ...(method === "rank-mean" && weights !== undefined
      ? [
          problemAt(
            [...at, "weights"],
            " has no effect with method: rank-mean, where all judges weigh the same: set method: weights",
            "key",
          ),
        ]
      : []),
    ...(method === "weights" && named !== undefined
      ? [
          problemAt(
            [...at, "judges"],
            " has no effect with method: weights, where the keys of weights name the judges: leave it out",
            "key",
          ),
        ]
      : []),
    ...(method === "weights" && Object.keys(weights ?? {}).length === 0
      ? [problemAt([...at, "method"], " is weights, and there are none: add weights: { JUDGE: 1, … }")]
      : []),
    ...(named ?? []).flatMap((judge, index, all) =>
      all.indexOf(judge) === index
        ? []
        : [problemAt([...at, "judges", index], ` is the same as ${formatPath([...at, "judges", all.indexOf(judge)])}`)],
    ),
    ...members.flatMap(({ judge, path }) => unknownJudge(judge, { path, annotate })),
    ...members.flatMap(({ judge, path }) => unsafeJudge(judge, { path, annotate })),
  ];
}

function checkNsfw(annotate: Annotate, file: FileForm): readonly Problem[] {
  const { nsfw } = annotate.filters;
  if (nsfw === null) return [];
  const path = ["annotate", "filters", "nsfw", "judge"];
  const isTechnical = annotate.judges.some(({ name, kind }) => name === nsfw.judge && kind === "builtin");
  return [
    ...unknownJudge(nsfw.judge, { path, annotate }),
    ...(isTechnical ? [problemAt(path, ` is "${nsfw.judge}", of kind builtin, which does not know what an image shows`)] : []),
    ...Object.entries(annotate.pairs).flatMap(([set, { from = [] }]) =>
      from.flatMap((judge, index) => unsafeJudge(judge, { path: [...pathOfSet(set, file), "from", index], annotate })),
    ),
  ];
}

interface Named {
  /** The path at which the judge is named. */
  readonly path: Path;
  readonly annotate: Annotate;
}

function unknownJudge(judge: string, { path, annotate: { judges } }: Named): readonly Problem[] {
  const names = judges.map(({ name }) => name);
  if (names.includes(judge)) return [];
  const known = didYouMean(judge, names) || (names.length === 0 ? "; there is none" : `; there is ${names.join(", ")}`);
  return [problemAt(path, ` names "${judge}", which is no judge${known}`)];
}

/** The unsafest image would be the chosen one. */
function unsafeJudge(judge: string, { path, annotate: { filters } }: Named): readonly Problem[] {
  if (judge !== filters.nsfw?.judge) return [];
  return [problemAt(path, ` names "${judge}", whose scores say how unsafe an image is (annotate.filters.nsfw): it can prefer none`)];
}
