import { constantInputs } from "../../comfy/graph/constant-inputs.ts";
import { describeNode, formatPlace, nodeOf, type Place } from "../../comfy/graph/graph.ts";
import { stringifyExact } from "../../lib/exact-json.ts";
import type { ReadyToPlan } from "../../stages/plan/prepare-variants.ts";
import type { Finding } from "./finding.ts";

/** Of a text that stays the same, characters. */
const WORDS_CHARS = 40;

/**
 * Warns of texts and seeds that stay the same in every image of a variant: a refiner's text, a face detailer's seed. `perJob` are the bound
 * names that each job fills. A workflow that takes no prompt says so itself, and its texts are passed over.
 */
export function describeConstants(variants: readonly ReadyToPlan[], perJob: readonly string[]): readonly Finding[] {
  const byText = Map.groupBy(
    variants.flatMap((variant) => constantsOf(variant, perJob).map((text) => ({ variant: variant.variant, text }))),
    ({ text }) => text,
  );
  return [...byText].map(([text, each]): Finding => {
    const of = each.length === variants.length ? "" : ` (${each.map(({ variant }) => variant).join(", ")})`;
    return { what: "constant", ok: true, warning: true, text: text + of };
  });
}

function constantsOf({ graph, bound }: ReadyToPlan, perJob: readonly string[]): readonly string[] {
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
