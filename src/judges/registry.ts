import type { JudgeConfig } from "../config/schema.ts";
import { createBuiltinJudge } from "./builtin.ts";
import { createHttpJudge } from "./http/http.ts";
import type { Judge } from "./judge.ts";
import { createOpenaiJudge } from "./openai/openai.ts";

interface JudgeNeeds {
  /** Returns the version of the judge that `by` names. */
  readonly versionOf: (judge: string) => string;
}

type JudgeFactory<Kind extends JudgeConfig["kind"]> = (config: Extract<JudgeConfig, { readonly kind: Kind }>, needs: JudgeNeeds) => Judge;

/** The kinds of judges. A new one is a kind in the configuration's schema, a file and a line here. */
export const JUDGES: { readonly [Kind in JudgeConfig["kind"]]: JudgeFactory<Kind> } = {
  builtin: createBuiltinJudge,
  http: createHttpJudge,
  openai: createOpenaiJudge,
};

/**
 * Creates the configured judges, in the order of the configuration, and connects to none.
 * The configuration was checked: names are unique, and `by` names a judge that has no `by` itself.
 * @throws {ConfigError} if a judge refuses its own settings.
 */
export function openJudges(configs: readonly JudgeConfig[]): readonly Judge[] {
  const opened = new Map<string, Judge>();
  const versionOf = (judge: string): string => {
    const other = opened.get(judge);
    if (other === undefined) throw new Error(`annotate.judges[].by: ${judge} must name a judge that has no \`by\` itself`);
    return other.version;
  };
  // The version of a judge with `by` contains the version of the judge that it names, which has to exist first.
  for (const config of configs.toSorted((a, b) => Number(hasBy(a)) - Number(hasBy(b)))) {
    opened.set(config.name, openJudge(config, { versionOf }));
  }
  return configs.flatMap(({ name }) => opened.get(name) ?? []);
}

function hasBy(config: JudgeConfig): boolean {
  return config.kind === "openai" && config.by !== undefined;
}

function openJudge<Kind extends JudgeConfig["kind"]>(config: Extract<JudgeConfig, { readonly kind: Kind }>, needs: JudgeNeeds): Judge {
  const factory: JudgeFactory<Kind> = JUDGES[config.kind];
  return factory(config, needs);
}
