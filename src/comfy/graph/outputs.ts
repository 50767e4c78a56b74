import { ConfigError } from "../../errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { describeNode, nodeOf, type ApiGraph, referencesIn } from "./graph.ts";
import { savedImagesOf, saverKindOf, takesFilenamePrefix } from "./savers.ts";

export interface OutputsOptions {
  /** Node ids as configured; undefined: the only saving node. */
  readonly outputs?: readonly (string | number)[] | undefined;
  readonly saveAs: "output" | "temp";
  /** Name of the workflow, for messages. */
  readonly workflow: string;
}

/**
 * The ids of the nodes whose images make the dataset: those configured, else the only saver of images
 * (with save_as temp and no saver at all: the only PreviewImage).
 * @throws {ConfigError} where there is none, more than one, or one that saves something else than images.
 */
export function resolveOutputs(graph: ApiGraph, options: OutputsOptions): readonly string[] {
  const configured = options.outputs?.map(String);
  const outputs = configured === undefined ? [onlySaver(graph, options)] : [...new Set(configured)];
  if (outputs.length === 0)
    throw new ConfigError(`Cannot use workflow ${options.workflow}: outputs is an empty list`, { hint: hintFor(graph) });
  for (const nodeId of outputs) checkOutput(graph, nodeId, options);
  return outputs;
}

/**
 * The graph without the savers that are not outputs: they would fill the server's disk with files that nobody collects.
 * What feeds them stays (a server runs only what an output needs); so does a saver whose result another node uses.
 */
export function dropOtherSavers(graph: ApiGraph, outputs: readonly string[]): ApiGraph {
  let kept = Object.entries(graph);
  for (;;) {
    const used = new Set(
      kept.flatMap(([, node]) => Object.values(node.inputs).flatMap((value) => referencesIn(graph, value).map((link) => link.nodeId))),
    );
    const next = kept.filter(([nodeId, node]) => outputs.includes(nodeId) || used.has(nodeId) || saverKindOf(node) === undefined);
    if (next.length === kept.length) return Object.fromEntries(kept);
    kept = next;
  }
}

function onlySaver(graph: ApiGraph, { saveAs, workflow }: OutputsOptions): string {
  const savers = nodesOfKind(graph, "image").filter((nodeId) => takesPrefix(graph, nodeId));
  const previews = saveAs === "temp" ? nodesOfKind(graph, "preview") : [];
  const candidates = savers.length > 0 ? savers : previews;
  const [only, ...others] = candidates;
  if (only === undefined) {
    throw new ConfigError(`Cannot use workflow ${workflow}: it has no node that saves images${describeOthers(graph)}`, {
      hint: hintFor(graph),
    });
  }
  if (others.length === 0) return only;
  const list = candidates.map((nodeId) => `outputs: [${JSON.stringify(nodeId)}]  # ${describeNode(graph, nodeId)}`).join("\n  ");
  throw new ConfigError(`Cannot choose the output of workflow ${workflow}: ${candidates.length} nodes save images\n  ${list}`, {
    hint: `write one of these lines under workflow ${workflow}`,
  });
}

function checkOutput(graph: ApiGraph, nodeId: string, { saveAs, workflow }: OutputsOptions): void {
  const refuse = (why: string): ConfigError =>
    new ConfigError(`Cannot use ${describeNode(graph, nodeId)} as an output of workflow ${workflow}: ${why}`, { hint: hintFor(graph) });
  const node = nodeOf(graph, nodeId);
  if (node === undefined) throw refuse(`no such node${didYouMean(nodeId, Object.keys(graph))}`);
  const kind = saverKindOf(node);
  if (kind === undefined) throw refuse("it saves nothing");
  if (kind === "preview") {
    if (saveAs === "output") throw refuse("it saves to the temp folder only, and generate.save_as is output");
  } else if (kind !== "image") {
    throw refuse(
      kind === "websocket" ? "it sends its images away instead of saving them" : `it saves ${NOUNS[kind]}, and a dataset is made of images`,
    );
  } else if (!takesFilenamePrefix(node)) throw refuse("it takes no filename_prefix, so its files could not be told apart");
  if (saveAs === "output") return;
  // With save_as temp the node is replaced by a PreviewImage, which has one input and no outputs.
  if (savedImagesOf(node) === undefined) throw refuse("save_as temp needs a node with a linked input images");
  const user = Object.keys(graph).find((id) => feeds(graph, nodeId, id));
  if (user !== undefined && kind === "image") throw refuse(`save_as temp cannot replace it, ${describeNode(graph, user)} uses its result`);
}

const NOUNS = {
  video: "video",
  animation: "animations",
  audio: "audio",
  "3D": "3D models",
  vector: "vector graphics",
  latent: "latents",
  model: "models",
  unsupported: "files of another format than PNG, JPEG and WebP",
} as const;

function feeds(graph: ApiGraph, from: string, to: string): boolean {
  return Object.values(nodeOf(graph, to)?.inputs ?? {}).some((value) => referencesIn(graph, value).some((link) => link.nodeId === from));
}

function nodesOfKind(graph: ApiGraph, kind: "image" | "preview"): readonly string[] {
  return Object.entries(graph).flatMap(([nodeId, node]) => (saverKindOf(node) === kind ? [nodeId] : []));
}

function takesPrefix(graph: ApiGraph, nodeId: string): boolean {
  const node = nodeOf(graph, nodeId);
  return node !== undefined && takesFilenamePrefix(node);
}

function describeOthers(graph: ApiGraph): string {
  const others = Object.entries(graph).filter(([, node]) => saverKindOf(node) !== undefined);
  return others.length === 0 ? "" : `, only ${others.map(([nodeId]) => describeNode(graph, nodeId)).join(", ")}`;
}

function hintFor(graph: ApiGraph): string {
  const savers = nodesOfKind(graph, "image");
  if (savers.length > 0) return `savers of images: ${savers.map((nodeId) => describeNode(graph, nodeId)).join(", ")}`;
  const previews = nodesOfKind(graph, "preview");
  return previews.length > 0
    ? "put a SaveImage in place of the preview, or set generate.save_as: temp"
    : "add a SaveImage node and export the workflow again";
}
