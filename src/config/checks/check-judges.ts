import { didYouMean } from "../../lib/nearest.ts";
import { formatPath, type Path } from "../path.ts";
import type { Problem } from "../problem.ts";
import type { ConfigFile, JudgeConfig } from "../schema.ts";

/** Models that prefer, in lower case, letters and digits alone: their names in a row's source say more than a technical score does. */
const LEARNED_SCORERS: ReadonlySet<string> = new Set(["pickscore", "hpsv2", "imagereward"]);

/** Finds what the keys of a judge cannot show by themselves: whom a pairwise judge waits for, keys of another mode, half an address, a name that lies. */
export function checkJudges({ annotate: { judges } }: Pick<ConfigFile, "annotate">): readonly Problem[] {
  return judges.flatMap((judge, index): readonly Problem[] => {
    const at: Path = ["annotate", "judges", index];
    if (judge.kind === "builtin") return checkBuiltinName(judge.name, at);
    if (judge.kind !== "openai") return [];
    return [
      ...(/\/chat\/completions\/*$/.test(judge.url)
        ? [
            problem(
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
  return [problem([...at, "name"], ` is "${name}", ${why}. Name it quality, or set kind: http (docs/judges.md)`)];
}

/** Only `mode: pairwise` with `pairs: top-bottom` goes by another judge. */
export function goesByAnother(judge: JudgeConfig): boolean {
  return judge.kind === "openai" && judge.mode === "pairwise" && judge.pairs === "top-bottom";
}

/** Whom a judge goes by where it does not say so: the first judge of people's preference, else the first technical one. */
export function defaultBy(judge: JudgeConfig, judges: readonly JudgeConfig[]): string | undefined {
  const others = judges.filter((other) => other.name !== judge.name && !goesByAnother(other));
  return (others.find(({ kind }) => kind !== "builtin") ?? others[0])?.name;
}

type OpenaiConfig = Extract<JudgeConfig, { readonly kind: "openai" }>;

function checkBy(judge: OpenaiConfig, { at, judges }: { readonly at: Path; readonly judges: readonly JudgeConfig[] }): readonly Problem[] {
  const { by } = judge;
  if (!goesByAnother(judge)) {
    return by === undefined
      ? []
      : [problem([...at, "by"], " is for mode: pairwise with pairs: top-bottom; here nothing goes by another judge", "key")];
  }
  if (by === undefined) {
    return defaultBy(judge, judges) !== undefined
      ? []
      : [
          problem(
            at,
            " compares the best and the worst of a group by another judge, and there is none: add one (kind: http, say), or set pairs: all",
          ),
        ];
  }
  const others = judges.filter(({ name }) => name !== judge.name);
  const other = others.find(({ name }) => name === by);
  if (by === judge.name) return [problem([...at, "by"], ` is "${by}", the judge itself`)];
  if (other === undefined) {
    const names = others.map(({ name }) => name);
    const there = names.length === 0 ? "; there is no other" : `; there is ${names.join(", ")}`;
    return [problem([...at, "by"], ` is "${by}", which is no judge${didYouMean(by, names) || there}`)];
  }
  return goesByAnother(other) ? [problem([...at, "by"], ` is "${by}", which itself goes by another judge`)] : [];
}

function problem(path: Path, what: string, part: "key" | "value" = "value"): Problem {
  return { path, part, message: `${formatPath(path)}${what}` };
}
