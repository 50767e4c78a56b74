import { ConfigError } from "../../errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { describeNode, formatPlace, nodeOf, titleOf, type ApiGraph, type Place, referencesIn } from "./graph.ts";

/** Bound name → the inputs that take its value; empty where the workflow takes none (`none`). */
export type Bindings = Readonly<Record<string, readonly Place[]>>;

/** Stands in `bind` instead of a place: the workflow takes no such value. */
const NONE = "none";

type Bind = Readonly<Record<string, string | readonly string[]>>;

/**
 * Finds the inputs behind every bound name. A widget's input must be there in the file: exports write all of them.
 * `path` is the workflow's place in the configuration, for messages.
 * @throws {ConfigError} for a place that is missing, ambiguous or fed by a link, naming what could be meant.
 */
export function resolveBindings(graph: ApiGraph, bind: Bind, { path = "workflow" }: { readonly path?: string } = {}): Bindings {
  const owners = new Map<string, string>();
  const entries = Object.entries(bind).map(([name, written]): [string, readonly Place[]] => {
    const texts = typeof written === "string" ? [written] : written;
    if (texts.length === 1 && texts[0] === NONE) {
      if (name === "seed") throw new ConfigError(`Cannot bind ${path}.bind.seed to none: every image of a prompt would be the same`);
      return [name, []];
    }
    const places = new Map(
      texts.map((text) => resolvePlace(graph, text, `${path}.bind.${name}`)).map((place) => [formatPlace(place), place]),
    );
    for (const key of places.keys()) {
      const owner = owners.get(key);
      if (owner !== undefined) throw new ConfigError(`Cannot bind ${path}.bind.${name} to ${key}: ${owner} is bound to it`);
      owners.set(key, name);
    }
    return [name, [...places.values()]];
  });
  return Object.fromEntries(entries);
}

/**
 * One place as written: `NODE_ID.input`, `title:TITLE#input` or `class:CLASS#input`. `key` is what the message blames.
 * @throws {ConfigError} as resolveBindings.
 */
export function resolvePlace(graph: ApiGraph, text: string, key: string): Place {
  const named = /^(title|class):(.*)#([^#]+)$/s.exec(text);
  const place =
    named === null
      ? placeById(graph, text, key)
      : placeByName(graph, { by: named[1], name: named[2] ?? "", input: named[3] ?? "", key, text });
  return checkPlace(graph, place, { key, text });
}

/** Ids hold colons, inputs hold dots: the id ends at the first dot. */
function placeById(graph: ApiGraph, text: string, key: string): Place {
  const dot = text.indexOf(".");
  if (dot <= 0 || dot === text.length - 1) {
    throw new ConfigError(`Cannot read ${key} "${text}": expected NODE_ID.input, title:TITLE#input or class:CLASS#input`, {
      hint: text === NONE ? "none stands alone, not in a list" : `places of this workflow: ${somePlaces(graph)}`,
    });
  }
  const nodeId = text.slice(0, dot);
  if (nodeOf(graph, nodeId) === undefined) {
    throw new ConfigError(`Cannot find ${key} "${text}": no node ${nodeId} in the workflow${didYouMean(nodeId, Object.keys(graph))}`, {
      hint: `its nodes: ${someNodes(graph)}`,
    });
  }
  return { nodeId, input: text.slice(dot + 1) };
}

interface NamedPlace {
  readonly by: string | undefined;
  readonly name: string;
  readonly input: string;
  readonly key: string;
  readonly text: string;
}

function placeByName(graph: ApiGraph, { by, name, input, key, text }: NamedPlace): Place {
  const nameOf = (nodeId: string): string | undefined => {
    const node = nodeOf(graph, nodeId);
    if (node === undefined) return undefined;
    return by === "title" ? titleOf(node) : node.class_type;
  };
  const found = Object.keys(graph).filter((nodeId) => nameOf(nodeId) === name);
  const [nodeId] = found;
  if (nodeId === undefined) {
    const names = new Set(Object.keys(graph).flatMap((id) => nameOf(id) ?? []));
    const hint =
      names.size === 0
        ? `no node has a title; use NODE_ID.input: ${somePlaces(graph)}`
        : `it has ${some([...names].map((each) => `"${each}"`))}`;
    throw new ConfigError(`Cannot find ${key} "${text}": no node of the ${by} "${name}" in the workflow${didYouMean(name, names)}`, {
      hint,
    });
  }
  if (found.length > 1) {
    const list = found.map((id) => `${formatPlace({ nodeId: id, input })}  # ${describeNode(graph, id)}`).join("\n  ");
    throw new ConfigError(`Cannot choose ${key} "${text}": ${found.length} nodes have the ${by} "${name}"\n  ${list}`, {
      hint: "write one of these instead, or a list of several",
    });
  }
  return { nodeId, input };
}

/** A place that takes a value: the input is there, and no link feeds it. */
function checkPlace(graph: ApiGraph, place: Place, { key, text }: { readonly key: string; readonly text: string }): Place {
  const node = nodeOf(graph, place.nodeId);
  const here = describeNode(graph, place.nodeId);
  if (node === undefined || !Object.hasOwn(node.inputs, place.input)) {
    const inputs = Object.keys(node?.inputs ?? {});
    throw new ConfigError(`Cannot find ${key} "${text}": ${here} has no input "${place.input}"${didYouMean(place.input, inputs)}`, {
      hint: inputs.length === 0 ? "that node has no inputs" : `its inputs: ${inputs.join(", ")}`,
    });
  }
  const [link] = referencesIn(graph, node.inputs[place.input]);
  if (link !== undefined) {
    const values = valueInputs(graph, link.nodeId).map((input) => formatPlace({ nodeId: link.nodeId, input }));
    throw new ConfigError(
      `Cannot bind ${key} "${text}": that input of ${here} is a link, fed by output ${link.output} of ${describeNode(graph, link.nodeId)}`,
      {
        hint: values.length === 0 ? "bind an input that holds a value" : `bind a value there instead: ${some(values)}`,
      },
    );
  }
  return place;
}

/** Inputs of a node that hold values. */
function valueInputs(graph: ApiGraph, nodeId: string): readonly string[] {
  const inputs = Object.entries(nodeOf(graph, nodeId)?.inputs ?? {});
  return inputs.filter(([, value]) => referencesIn(graph, value).length === 0).map(([input]) => input);
}

function somePlaces(graph: ApiGraph): string {
  return some(Object.keys(graph).flatMap((nodeId) => valueInputs(graph, nodeId).map((input) => formatPlace({ nodeId, input }))));
}

function someNodes(graph: ApiGraph): string {
  return some(Object.keys(graph).map((nodeId) => describeNode(graph, nodeId).replace(/^node /, "")));
}

/** Fits on a line of a terminal. */
function some(items: readonly string[]): string {
  const shown = items.slice(0, 12).join(", ");
  return items.length > 12 ? `${shown}, … ${items.length} in all` : shown;
}
