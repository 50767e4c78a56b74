import type { JudgeConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { builtinJudge } from "./builtin.ts";
import { httpJudge } from "./http/http.ts";
import type { Judge } from "./judge.ts";
import { openaiJudge } from "./openai/openai.ts";

interface JudgeNeeds {
  /** The version of a judge that goes by no other. @throws {ConfigError} if there is none of the name. */
  readonly versionOf: (judge: string) => string;
}

type JudgeFactory<Kind extends JudgeConfig["kind"]> = (config: Extract<JudgeConfig, { readonly kind: Kind }>, needs: JudgeNeeds) => Judge;

/** One line a kind of judge. */
export const JUDGES: { readonly [Kind in JudgeConfig["kind"]]: JudgeFactory<Kind> } = {
  builtin: builtinJudge,
  http: httpJudge,
  openai: openaiJudge,
};

/** Makes the configured judges, in their order; none is asked. @throws {ConfigError} for two of one name, a reserved name, or what a judge itself refuses. */
export function openJudges(configs: readonly JudgeConfig[]): readonly Judge[] {
  const names = new Set<string>();
  for (const { name } of configs) {
    if (name === "people" || name === "combined" || names.has(name)) {
      throw new ConfigError(
        `Cannot name a judge ${name}: ${names.has(name) ? "another judge has the name" : "the name is taken by a source of pairs"}`,
        {
          hint: "give every entry of annotate.judges a name of its own",
        },
      );
    }
    names.add(name);
  }
  const opened = new Map<string, Judge>();
  const versionOf = (judge: string): string => {
    const other = opened.get(judge);
    if (other !== undefined) return other.version;
    throw new ConfigError(`Cannot go by the judge ${judge}: there is none of that name that goes by no other`, {
      hint: "set `by` to another entry of annotate.judges",
    });
  };
  const needsOtherJudge = (config: JudgeConfig): boolean => config.kind === "openai" && config.by !== undefined;
  // Those first whose versions are part of others'.
  for (const config of configs.toSorted((a, b) => Number(needsOtherJudge(a)) - Number(needsOtherJudge(b)))) {
    opened.set(config.name, openJudge(config, { versionOf }));
  }
  return configs.flatMap(({ name }) => opened.get(name) ?? []);
}

function openJudge<Kind extends JudgeConfig["kind"]>(config: Extract<JudgeConfig, { readonly kind: Kind }>, needs: JudgeNeeds): Judge {
  const factory: JudgeFactory<Kind> = JUDGES[config.kind];
  return factory(config, needs);
}
