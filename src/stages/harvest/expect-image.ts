import { askedSize, readFrom, type AskedSize, type ReadInput } from "../../comfy/graph/asked-size.ts";
import { formatPlace, nodeOf, type ApiGraph } from "../../comfy/graph/graph.ts";
import type { Context } from "../../context.ts";
import type { ListedImageRow } from "../../db/queries/images/images.ts";
import { isJsonObject, parseExact, type Json } from "../../lib/exact-json.ts";
import { variantCache } from "../generate/variant-cache.ts";
import type { ProofTask } from "./transfer/prove.ts";
import { embedsPrompt } from "../../comfy/graph/savers.ts";

export type Expectation = Pick<ProofTask, "embedsPrompt" | "askedSize">;

export interface SavedBy {
  readonly nodeId: string;
  /** The server was told not to embed prompts. */
  readonly withoutMetadata: boolean;
}

/** Derives from the graph that ran what an image of one of its nodes must be like. */
export function expectationIn(graph: ApiGraph, { nodeId, withoutMetadata }: SavedBy): Expectation {
  return { embedsPrompt: !withoutMetadata && embedsPrompt(nodeOf(graph, nodeId)?.class_type ?? ""), askedSize: askedSize(graph, nodeId) };
}

const NO_VALUES = "{}";

/** Tells what an image must be like, from the graph that it is made by. */
export function imageExpectations(needs: Pick<Context, "db" | "config">): (image: ListedImageRow) => Expectation {
  const variants = variantCache(needs);
  /** Asked sizes of images whose prompts bring no values, by variant and node. */
  const sizes = new Map<string, AskedSize | null>();

  /** `SaveImage` for any saver where generate.save_as is temp: it is replaced by a PreviewImage, which embeds as that does. */
  const saverOf = ({ variant, nodeId }: ListedImageRow): string =>
    needs.config.generate.save_as === "temp" ? "PreviewImage" : (nodeOf(variants.get(variant).graph, nodeId)?.class_type ?? "");

  function readerFor({ variant, bound }: ListedImageRow): ReadInput {
    const { graph, bindings } = variants.get(variant);
    const values = parseExact(bound);
    const own = new Map<string, Json>();
    for (const [name, value] of Object.entries(isJsonObject(values) ? values : {})) {
      for (const place of bindings[name] ?? []) own.set(formatPlace(place), value);
    }
    const read = readFrom(graph);
    return (nodeId, input) => own.get(formatPlace({ nodeId, input })) ?? read(nodeId, input);
  }

  function sizeOf(image: ListedImageRow): AskedSize | null {
    const { graph } = variants.get(image.variant);
    if (image.bound !== NO_VALUES) return askedSize(graph, image.nodeId, readerFor(image));
    const key = `${image.variant} ${image.nodeId}`;
    const known = sizes.get(key);
    if (known !== undefined) return known;
    const size = askedSize(graph, image.nodeId);
    sizes.set(key, size);
    return size;
  }

  return (image) => ({ embedsPrompt: image.withoutMetadata === 0 && embedsPrompt(saverOf(image)), askedSize: sizeOf(image) });
}
