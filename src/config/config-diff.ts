import { canonicalJson, isJsonArray, isJsonObject, type Json, type JsonObject } from "../lib/exact-json.ts";

/**
 * The effect of a change on a dataset: `fixed` would mix two kinds of images unless it leaves them as they are, `candidates` adds some or
 * sets some aside, `free` takes effect at once.
 */
type ChangeKind = "fixed" | "candidates" | "free";

/** One key that differs; undefined where a side does not have it. */
export interface ConfigChange {
  /** `candidates.per_prompt`, `candidates.variants[base].set.cfg`. */
  readonly key: string;
  readonly from: Json | undefined;
  readonly to: Json | undefined;
  readonly kind: ChangeKind;
}

/** Sections that may change at any time. Source: docs/operating.md, "Changing the configuration between runs". */
const FREE_SECTIONS: ReadonlySet<string> = new Set(["dir", "servers", "generate", "harvest", "annotate", "export"]);

/** Keys that identify the items of a list, so that a new server does not look like a change of all. */
const ITEM_KEYS = ["name", "url"] as const;

type Path = readonly string[];

/** Compares two configurations as they were written (see remembered-config.ts): no value from the environment, no header is in them. */
export function configDiff(before: JsonObject, after: JsonObject): readonly ConfigChange[] {
  const [from, to] = sameShape(before, after);
  return differences({ path: [], from, to }).map(({ path, ...sides }) => ({ key: formatKey(path), ...sides, kind: classifyChange(path) }));
}

/** The remembered configuration with what may change freely taken from the new one: all else waits for the next plan. */
export function withFreeChanges(before: JsonObject, after: JsonObject): JsonObject {
  const isFree = (section: string): boolean => FREE_SECTIONS.has(section);
  const kept = Object.entries(before).filter(([section]) => !isFree(section) && section !== "store");
  const taken = Object.entries(after).filter(([section]) => isFree(section) || section === "store");
  return Object.fromEntries([...kept, ...taken]);
}

interface Difference {
  readonly path: Path;
  readonly from: Json | undefined;
  readonly to: Json | undefined;
}

function differences({ path, from, to }: Difference): readonly Difference[] {
  if (from !== undefined && to !== undefined && canonicalJson(from) === canonicalJson(to)) return [];
  const [fromItems, toItems] = [itemsByKey(from), itemsByKey(to)];
  // A list that appears or disappears is one change.
  if (fromItems !== null && toItems !== null) return inside(path, { from: fromItems, to: toItems, isList: true });
  // A section that was not written is one of defaults.
  const [fromSection, toSection] = [asSection(from, to), asSection(to, from)];
  const isItem = path.at(-1)?.startsWith("[") === true && (from === undefined || to === undefined);
  if (fromSection !== null && toSection !== null && !isItem) return inside(path, { from: fromSection, to: toSection, isList: false });
  return [{ path, from, to }];
}

interface Inside {
  readonly from: JsonObject;
  readonly to: JsonObject;
  readonly isList: boolean;
}

function inside(path: Path, { from, to, isList }: Inside): readonly Difference[] {
  const keys = new Set([...Object.keys(to), ...Object.keys(from)]);
  const own = (side: JsonObject, key: string): Json | undefined => (Object.hasOwn(side, key) ? side[key] : undefined);
  return [...keys].flatMap((key) => differences({ path: [...path, isList ? `[${key}]` : key], from: own(from, key), to: own(to, key) }));
}

function asSection(side: Json | undefined, other: Json | undefined): JsonObject | null {
  if (side === undefined || side === null) return other !== undefined && isJsonObject(other) ? {} : null;
  return isJsonObject(side) ? side : null;
}

/** The items of a list by name or URL; null where they have none, or two the same. */
function itemsByKey(list: Json | undefined): JsonObject | null {
  if (list === undefined || !isJsonArray(list)) return null;
  const items = list.flatMap((item): [string, Json][] => {
    const name = isJsonObject(item) ? ITEM_KEYS.map((key) => item[key]).find((value) => typeof value === "string") : undefined;
    return name === undefined ? [] : [[name, item]];
  });
  const byKey = Object.fromEntries(items);
  return list.length > 0 && Object.keys(byKey).length === list.length ? byKey : null;
}

/** `workflow` is short for the one of `workflows` that is named main. */
function sameShape(before: JsonObject, after: JsonObject): readonly [JsonObject, JsonObject] {
  const isShort = (config: JsonObject): boolean => Object.hasOwn(config, "workflow");
  if (isShort(before) === isShort(after)) return [before, after];
  const toLongForm = ({ workflow, ...rest }: JsonObject): JsonObject =>
    workflow === undefined ? rest : { ...rest, workflows: { main: workflow } };
  return [toLongForm(before), toLongForm(after)];
}

function classifyChange([section = "", ...rest]: Path): ChangeKind {
  if (FREE_SECTIONS.has(section)) return "free";
  if (section === "store") return "free"; // Whether this dataset is at another store.uri is seen there.
  if (section === "prompts") return ["template", "send"].includes(rest[0] ?? "") ? "fixed" : "candidates";
  if (section === "workflow") return workflowKind(rest[0]);
  if (section === "workflows") return workflowKind(rest[1]);
  if (section !== "candidates") return "fixed";
  // A variant keeps its name and its images; a list in `set` is a part of the names.
  return rest[0] === "variants" && rest.length > 2 ? "fixed" : "candidates";
}

/** Images of another folder make other prompts: they count by their content. */
function workflowKind(key: string | undefined): ChangeKind {
  if (key === "allow_nodes") return "free";
  return key === "uploads" ? "candidates" : "fixed";
}

function formatKey(path: Path): string {
  return path.reduce((key, step) => (key === "" || step.startsWith("[") ? key + step : `${key}.${step}`), "");
}
