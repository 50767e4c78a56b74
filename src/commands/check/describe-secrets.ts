import { formatPlace } from "../../comfy/graph/graph.ts";
import { secretPlaces } from "../../comfy/graph/secrets.ts";
import type { Config } from "../../config/schema.ts";
import type { ReadyToPlan } from "../../stages/plan/prepare-variants.ts";
import type { Finding } from "./finding.ts";

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
