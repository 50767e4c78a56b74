import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import type { Config } from "../../config/schema.ts";
import { ConfigError } from "../../errors.ts";
import type { ReadyToPlan } from "./prepare-variants.ts";
import { seedRuleOf } from "./seed-rule.ts";
import { variantRefusals, variantRoundings, type ValueRefusal } from "./value-refusals.ts";

export interface RefuseNeeds {
  readonly config: Pick<Config, "seed" | "candidates" | "servers">;
  /** Those that answer. */
  readonly servers: readonly ServerClasses[];
  /** Told of what will not be made somewhere. */
  readonly warn: (message: string) => void;
}

/**
 * Compares seeds and `set` values with what the servers' nodes take, before anything is planned. Models that a server lacks are no mistake
 * of the configuration: they are told, and the variant waits for a server that has them.
 * @throws {ConfigError} where every configured server answers, and none takes a number.
 */
export function refuseValues(variants: readonly ReadyToPlan[], { config, servers, warn }: RefuseNeeds): void {
  const rule = seedRuleOf(config);
  for (const variant of variants) {
    const byServer = servers.map((server) => ({
      url: server.url,
      refusals: variantRefusals(variant, rule, server).filter(({ isCertain }) => isCertain),
    }));
    const numbers = byServer.map(({ refusals }) => refusals.filter(({ kind }) => kind === "out-of-range"));
    const isHopeless = servers.length === config.servers.length && numbers.length > 0 && numbers.every((each) => each.length > 0);
    if (isHopeless) throw hopeless(variant.variant, numbers[0] ?? []);
    for (const { url, refusals } of byServer) {
      if (refusals.length > 0)
        warn(`${url} gets no jobs of variant "${variant.variant}": ${refusals.map(({ message }) => message).join("; ")}`);
    }
    const roundings = new Set(servers.flatMap((server) => variantRoundings(variant, server)));
    for (const rounding of roundings) warn(`variant "${variant.variant}": ${rounding}`);
  }
}

function hopeless(variant: string, refusals: readonly ValueRefusal[]): ConfigError {
  const max = refusals.flatMap(({ name, max: largest }) => (name === "seed" && largest !== undefined ? [largest] : []))[0];
  return new ConfigError(
    `Cannot make variant "${variant}": no server takes its values: ${refusals.map(({ message }) => message).join("; ")}`,
    {
      hint:
        max === undefined
          ? "correct candidates.variants"
          : `set candidates.seeds: { max: ${max} }; seeds that fit already stay as they are`,
    },
  );
}
