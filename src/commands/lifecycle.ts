import { loadConfig } from "../config/load-config.ts";
import { ConfigError, EXIT } from "../errors.ts";
import { hintFor } from "./open-context.ts";
import { openStore } from "../stores/registry.ts";
import type { CommandResult } from "./command.ts";
import type { InputOf } from "./registry.ts";
import { EXPIRY_TAG, type ExpiryRule } from "../stores/object-store.ts";

const TAG = `${EXPIRY_TAG.key}=${EXPIRY_TAG.value}`;

type Change = { readonly kind: "show" } | { readonly kind: "set"; readonly days: number } | { readonly kind: "remove" };

/** Shows the bucket's lifecycle rules, or sets the one that deletes what `prune --expire` tagged. */
export async function run(input: InputOf<"lifecycle">): Promise<CommandResult> {
  const change = readChange(input);
  const { options, signal } = input;
  const config = loadConfig(input.options.config, { env: input.env });
  const store = await openStore(config.store, { concurrency: 1 });
  try {
    const { expiry, uri } = store;
    if (expiry === undefined) {
      const why = `${uri} is a folder, which deletes nothing by itself`;
      const hint = `${hintFor(input)("prune --yes")} deletes what nothing uses at once`;
      if (change.kind !== "show") throw new ConfigError(`Cannot set a lifecycle rule: ${why}`, { hint });
      input.show({ event: "lifecycle", store: uri, supported: false, rules: [] }, `${why}: ${hint}`);
      return { exit: EXIT.done };
    }
    const before = await expiry.rules(signal);
    const isWritten = change.kind !== "show" && options.yes;
    if (isWritten) await expiry.setRule(change.kind === "set" ? change.days : null, signal);
    const rules = isWritten ? await expiry.rules(signal) : before;
    const event = { event: "lifecycle", store: uri, supported: true, rules: rules.map((rule) => ({ ...rule })) } as const;
    input.show(event, [...describe(rules), ...nextStep(change, { rules, isWritten, input })].join("\n"));
    return { exit: EXIT.done, counts: { rules: rules.length } };
  } finally {
    await store.close();
  }
}

function describe(rules: readonly ExpiryRule[]): readonly string[] {
  if (rules.length === 0) return ["The bucket has no lifecycle rules"];
  return rules.map(({ id, isEnabled, days, prefix, tags, isOurs }) => {
    const tagged = Object.entries(tags).map(([name, value]) => ` tagged ${name}=${value}`);
    const does = days === null ? "does something else than delete by age" : `deletes ${days} days after they were written`;
    return `${isOurs ? "ours " : "other"}  ${id || "(no name)"}: objects below ${prefix || "everything"}${tagged.join(",")}: ${does}${isEnabled ? "" : " (disabled)"}`;
  });
}

interface Next {
  readonly rules: readonly ExpiryRule[];
  readonly isWritten: boolean;
  readonly input: InputOf<"lifecycle">;
}

function nextStep(change: Change, { rules, isWritten, input }: Next): readonly string[] {
  const hint = hintFor(input);
  if (isWritten) return change.kind === "set" ? [`Set. ${hint("prune --expire --yes")} tags (${TAG}) what nothing uses`] : ["Removed"];
  if (change.kind === "set") {
    const command = hint(`lifecycle --set ${change.days} --yes`);
    return [`Nothing was changed: ${command} has the bucket delete images tagged ${TAG} ${change.days} days after they were written`];
  }
  if (change.kind === "remove") return [`Nothing was changed: ${hint("lifecycle --remove --yes")} removes our rule and no other`];
  return rules.some(({ isOurs }) => isOurs) ? [] : [`${hint("lifecycle --set 30")} would have it delete what prune --expire tags`];
}

function readChange({ options }: Pick<InputOf<"lifecycle">, "options">): Change {
  const days = options.set;
  if (options.remove) {
    if (days === undefined) return { kind: "remove" };
    throw new ConfigError("Cannot set and remove the lifecycle rule at once", { hint: "one of --set DAYS and --remove" });
  }
  if (days === undefined) {
    if (!options.yes) return { kind: "show" };
    throw new ConfigError("Cannot use --yes alone", { hint: "--set DAYS --yes, or --remove --yes" });
  }
  if (!/^[1-9]\d{0,4}$/.test(days)) {
    throw new ConfigError(`Cannot read --set ${days}: expected whole days from 1`, { hint: "--set 30" });
  }
  return { kind: "set", days: Number(days) };
}
