import type { ConfigChange } from "../../config/config-diff.ts";
import { stringifyExact, type Json } from "../../lib/exact-json.ts";

/** Of one value, characters: a long list would hide the other changes. */
const VALUE_CHARS = 80;

/** One change in a person's words: `candidates.per_prompt: 3 → 4, adds candidates`. */
export function describeChange(change: ConfigChange, { plans }: { readonly plans: boolean }): string {
  return `${change.key}: ${valueText(change.from)} → ${valueText(change.to)}, ${meaningOf(change, plans)}`;
}

/** `plans`: this command plans; others leave what concerns candidates to the next that does. */
function meaningOf(change: ConfigChange, plans: boolean): string {
  if (change.key === "store.metadata") return "for what is stored from now on; images stored before stay as they are";
  if (change.key === "store.uri") return "taken where this dataset's images are, refused otherwise";
  if (change.kind === "free") return "takes effect now";
  if (change.key === "seed") return "refused where seeds derive from it: it would mix two datasets in one";
  const when = plans ? "" : " at the next generate or run";
  if (change.kind === "fixed") return `taken${when} only if the images of existing variants and prompts stay the same, refused otherwise`;
  return `${candidatesMeaning(change)}${when}`;
}

function candidatesMeaning({ key, from, to }: ConfigChange): string {
  if (key === "candidates.per_prompt" && typeof from === "number" && typeof to === "number") {
    return to > from ? "adds candidates" : "sets candidates aside (nothing is deleted)";
  }
  if (key.startsWith("candidates.variants[")) {
    return from === undefined ? "a new variant: adds candidates" : "a variant less: its candidates are set aside (nothing is deleted)";
  }
  if (key === "prompts.keep" || key === "prompts.id") return "other metadata of the rows";
  return "adds candidates, or sets some aside (nothing is deleted)";
}

function valueText(value: Json | undefined): string {
  if (value === undefined) return "not set";
  const text = stringifyExact(value);
  return text.length > VALUE_CHARS ? `${text.slice(0, VALUE_CHARS)}…` : text;
}
