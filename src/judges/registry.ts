import type { JudgeConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { builtinJudge } from "./builtin.ts";
import type { Judge } from "./judge.ts";

type JudgeFactory<Kind extends JudgeConfig["kind"]> = (config: Extract<JudgeConfig, { readonly kind: Kind }>) => Judge;

/** One line a kind of judge. Kinds that the configuration knows and this version cannot make yet are null. */
export const JUDGES: { readonly [Kind in JudgeConfig["kind"]]: JudgeFactory<Kind> | null } = {
  builtin: builtinJudge,
  http: null,
  openai: null,
};

/** Makes the configured judges, in their order. @throws {ConfigError} for two of one name, a reserved name, or a kind not made yet. */
export function openJudges(configs: readonly JudgeConfig[]): readonly Judge[] {
  const names = new Set<string>();
  return configs.map((config) => {
    if (config.name === "people" || config.name === "combined" || names.has(config.name)) {
      throw new ConfigError(
        `Cannot name a judge ${config.name}: ${names.has(config.name) ? "another judge has the name" : "the name is taken by a source of pairs"}`,
        {
          hint: "give every entry of annotate.judges a name of its own",
        },
      );
    }
    names.add(config.name);
    return openJudge(config);
  });
}

function openJudge<Kind extends JudgeConfig["kind"]>(config: Extract<JudgeConfig, { readonly kind: Kind }>): Judge {
  const factory: JudgeFactory<Kind> | null = JUDGES[config.kind];
  if (factory === null) {
    throw new ConfigError(`Cannot make the judge ${config.name}: judges of kind ${config.kind} come with a later version`, {
      hint: "remove it from annotate.judges, or use kind builtin",
    });
  }
  return factory(config);
}
