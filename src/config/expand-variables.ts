import { isJsonArray, isJsonObject, type Json } from "../lib/exact-json.ts";
import { formatPath, type Path } from "./path.ts";
import type { Problem } from "./problem.ts";

/**
 * `$${` is a literal `${`. The name, the closing brace and what the default holds are checked afterwards, so that a slip is reported and
 * not passed over.
 */
const VARIABLE = /\$\$\{|\$\{([^}]*)(?:\}|$)/g;
const NAME = /^(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>(?:(?!\$\{)[^])*))?$/;

/** A scalar that is one `${…}` and nothing else: which type it gets depends on what the key takes. */
export interface WholeVariable {
  readonly path: Path;
  readonly text: string;
  /** The value of the text in YAML: `4180` is a number, `true` a boolean, nothing is null. */
  readonly typed: Json;
}

export interface Expanded {
  readonly value: Json;
  /** Those whose text would be another type in YAML; in `value` they are text. */
  readonly wholes: readonly WholeVariable[];
  readonly problems: readonly Problem[];
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text value (not in keys). The default stands in for an unset and for an empty
 * variable, as in a shell.
 */
export function expandVariables(value: Json, env: Readonly<Record<string, string | undefined>>): Expanded {
  const wholes: WholeVariable[] = [];
  const problems: Problem[] = [];

  const expand = (item: Json, path: Path): Json => {
    if (isJsonArray(item)) return item.map((each, index) => expand(each, [...path, index]));
    if (isJsonObject(item)) return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, expand(each, [...path, key])]));
    if (typeof item !== "string" || !item.includes("${")) return item;
    const text = item.replace(VARIABLE, (match, inside: string | undefined) =>
      inside === undefined ? "${" : readVariable(inside, { match, path }),
    );
    const typed = /^\$\{[^}]*\}$/.test(item) ? parseScalar(text) : text;
    if (typed !== text) wholes.push({ path, text, typed });
    return text;
  };

  const readVariable = (inside: string, { match, path }: { readonly match: string; readonly path: Path }): string => {
    const { name, fallback } = (match.endsWith("}") ? NAME.exec(inside)?.groups : undefined) ?? {};
    if (name === undefined) {
      problems.push({
        path,
        message: `${formatPath(path)} holds ${match}, expected \${NAME} or \${NAME:-default} ($\${ for a literal \${)`,
      });
      return "";
    }
    // The environment has Object's prototype: ${constructor} is no variable.
    const found = Object.hasOwn(env, name) ? env[name] : undefined;
    if (found !== undefined && (found !== "" || fallback === undefined)) return found;
    if (fallback !== undefined) return fallback;
    problems.push({ path, message: `${formatPath(path)} needs the environment variable ${name}, which is not set` });
    return "";
  };

  return { value: expand(value, []), wholes, problems };
}

/** A scalar of YAML's core schema, as far as people put such things into variables. */
function parseScalar(text: string): Json {
  if (/^(?:~|null|Null|NULL)?$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?\d+$/.test(text)) {
    const integer = BigInt(text.replace(/^\+/, ""));
    return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
  }
  return /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}
