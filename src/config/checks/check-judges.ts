import { didYouMean } from "../../lib/nearest.ts";
import { chooseOtherJudge, needsOtherJudge } from "../judge-roles.ts";
import type { Path } from "../path.ts";
import { problemAt, type Problem } from "../problem.ts";
import type { ConfigFile, JudgeConfig } from "../schema.ts";

/** Models that prefer, in lower case, letters and digits alone: their names in a row's source say more than a technical score does. */
const LEARNED_SCORERS: ReadonlySet<string> = new Set(["pickscore", "hpsv2", "imagereward"]);

/**
 * Finds what the keys of a judge cannot show by themselves: whom a pairwise judge waits for, keys of another mode, half an address, a name
 * that lies.
 */
export function checkJudges({ annotate: { judges } }: Pick<ConfigFile, "annotate">): readonly Problem[] {
  return judges.flatMap((judge, index): readonly Problem[] => {
    const at: Path = ["annotate", "judges", index];
    if (judge.kind === "builtin") return checkBuiltinName(judge.name, at);
    if (judge.kind !== "openai") return [];
    return [
      ...(/\/chat\/completions\/*$/.test(judge.url)
        ? [
            problemAt(
              [...at, "url"],
              ` ends with /chat/completions, which is added to it: give ${judge.url.replace(/\/chat\/completions\/*$/, "")}`,
            ),
          ]
        : []),
      ...checkBy(judge, { at, judges }),
    ];
  });
}

function checkBuiltinName(name: string, at: Path): readonly Problem[] {
  if (!LEARNED_SCORERS.has(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ""))) return [];
  const why = `a learned scorer, and kind builtin measures sharpness, contrast and entropy: its rows would pass for that model's`;
  return [problemAt([...at, "name"], ` is "${name}", ${why}. Name it quality, or set kind: http (docs/judges.md)`)];
}

type OpenaiConfig = Extract<JudgeConfig, { readonly kind: "openai" }>;

function checkBy(judge: OpenaiConfig, { at, judges }: { readonly at: Path; readonly judges: readonly JudgeConfig[] }): readonly Problem[] {
  const { by } = judge;
  if (!needsOtherJudge(judge)) {
    return by === undefined
      ? []
      : [problemAt([...at, "by"], " has an effect only with mode: pairwise and pairs: top-bottom: leave it out", "key")];
  }
  if (by === undefined) {
    return chooseOtherJudge(judge, judges) !== undefined
      ? []
      : [
          problemAt(
            at,
            " compares the images that another judge scores best and worst, and there is no other judge: add one (kind: http, for example), or set pairs: all",
          ),
        ];
  }
  const others = judges.filter(({ name }) => name !== judge.name);
  const other = others.find(({ name }) => name === by);
  if (by === judge.name) return [problemAt([...at, "by"], ` is "${by}", which is this judge: name another one`)];
  if (other === undefined) {
    const names = others.map(({ name }) => name);
    const there = names.length === 0 ? "; there is no other" : `; there is ${names.join(", ")}`;
    return [problemAt([...at, "by"], ` is "${by}", which is no judge${didYouMean(by, names) || there}`)];
  }
  return needsOtherJudge(other) ? [problemAt([...at, "by"], ` is "${by}", which has a \`by\` itself: name a judge that has none`)] : [];
}
