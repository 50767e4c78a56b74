import { constantInputs } from "../../comfy/graph/constant-inputs.ts";
import { describeNode, formatPlace, nodeOf, type Place } from "../../comfy/graph/graph.ts";
import { secretPlaces } from "../../comfy/graph/secrets.ts";
import type { Finding } from "./finding.ts";
import type { Config } from "../../config/schema.ts";
import { stringifyExact } from "../../lib/exact-json.ts";
import { chooseSources, findTechnicalSources, readCombination } from "../../stages/annotate/link/link-rules.ts";
import type { ReadyToPlan } from "../../stages/plan/prepare-variants.ts";

/** Characters of a constant text that a warning shows. */
const WORDS_CHARS = 40;

/**
 * Warns of texts and seeds that stay the same in every image of a variant: a refiner's text, a face detailer's seed. `perJob` are the bound
 * names that each job fills. A workflow that takes no prompt says so itself, and its texts are passed over.
 */
export function describeConstants(variants: readonly ReadyToPlan[], perJob: readonly string[]): readonly Finding[] {
  const byText = Map.groupBy(
    variants.flatMap((variant) => findConstants(variant, perJob).map((text) => ({ variant: variant.variant, text }))),
    ({ text }) => text,
  );
  return [...byText].map(([text, each]): Finding => {
    const of = each.length === variants.length ? "" : ` (${each.map(({ variant }) => variant).join(", ")})`;
    return { what: "constant", ok: true, warning: true, text: text + of };
  });
}

function findConstants({ graph, bound }: ReadyToPlan, perJob: readonly string[]): readonly string[] {
  const filled = perJob.flatMap((name) => bound.bindings[name] ?? []);
  const { texts, seeds } = constantInputs(graph, { filled, outputs: bound.outputs });
  const takesPrompt = (bound.bindings["prompt"] ?? []).length > 0;
  const told = (place: Place, name: "prompt" | "seed", value: string): string =>
    `${formatPlace(place)} of ${describeNode(graph, place.nodeId)} stays ${value} in every image. ` +
    `To change it with each, bind it, too: bind.${name}: [${[...(bound.bindings[name] ?? []), place].map(formatPlace).join(", ")}]`;
  const valueOf = ({ nodeId, input }: Place): string => {
    const value = nodeOf(graph, nodeId)?.inputs[input] ?? "";
    return typeof value === "string" ? value : stringifyExact(value);
  };
  return [
    ...(takesPrompt ? texts : []).map((place) => told(place, "prompt", JSON.stringify(shortened(valueOf(place))))),
    ...seeds.map((place) => told(place, "seed", valueOf(place))),
  ];
}

function shortened(text: string): string {
  return text.length > WORDS_CHARS ? `${text.slice(0, WORDS_CHARS)}…` : text;
}

/** Warns of node inputs that look like secrets, by name and never by value: every server sees them, and so do the images. */
export function describeSecrets({ store }: Pick<Config, "store">, variants: readonly ReadyToPlan[]): readonly Finding[] {
  const byWorkflow = Map.groupBy(variants, ({ workflow }) => workflow);
  return [...byWorkflow].flatMap(([workflow, group]): Finding[] => {
    const places = new Set(group.flatMap(({ graph }) => secretPlaces(graph).map(formatPlace)));
    if (places.size === 0) return [];
    const inImages =
      store.metadata === "strip"
        ? "store.metadata: strip keeps it out of the stored images"
        : "servers write it into their images. Try: store.metadata: strip, which keeps it out of the stored ones";
    const what = `${[...places].join(", ")} ${places.size === 1 ? "looks like a secret" : "look like secrets"}`;
    return [
      {
        what: "secrets",
        ok: true,
        warning: true,
        text: `workflow ${workflow}: ${what}: each server that runs it sees it, and ${inImages}`,
      },
    ];
  });
}

/** Says which sources decide the exported pair set, and which ones in `from` never do. */
export function describePairs({ annotate, export: { pairs: pairSet } }: Pick<Config, "annotate" | "export">): Finding {
  const from = annotate.pairs[pairSet]?.from ?? [];
  // Judges are not opened for this: one whose question is missing has a line of its own.
  const judges = annotate.judges.map(({ name, kind }) => ({ name, technical: kind === "builtin" }));
  const technical = findTechnicalSources(judges, readCombination(annotate));
  const linking = chooseSources({ from, technical, anyVote: false });
  const afterVotes = chooseSources({ from, technical, anyVote: true });
  const never = from.filter((source) => !linking.includes(source));
  const before = linking.filter((source) => !afterVotes.includes(source));
  const text = [
    `${pairSet} is linked by ${linking.join(", then ") || "nobody"}`,
    ...(never.length > 0 ? [` (never by ${never.join(" or ")}: a technical score, beside others)`] : []),
    ...(before.length > 0 ? [` (${before.join(" and ")} only until somebody votes)`] : []),
    otherCriteria(annotate.criteria.slice(1), from),
  ];
  return { what: "pairs", ok: true, text: text.join("") };
}

/** Judges decide under the first criterion alone. */
function otherCriteria(others: readonly string[], from: readonly string[]): string {
  if (others.length === 0 || from.every((source) => source === "people")) return "";
  return `; under ${others.join(" and ")} by ${from.includes("people") ? "people alone" : "nobody"}`;
}
