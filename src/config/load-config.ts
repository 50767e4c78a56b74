import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { z } from "zod";
import { checkPlaces } from "./checks/check-addresses.ts";
import { crossChecks } from "./checks/cross-checks.ts";
import { describeIssues } from "./describe-issues.ts";
import { expandVariables, type WholeVariable } from "./expand-variables.ts";
import { configJsonSchema } from "./json-schema.ts";
import { asWritten, wrapLonePairs } from "./normalise-pairs.ts";
import { parseYaml, type YamlFile } from "./parse-yaml.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import type { Problem } from "./problem.ts";
import { withoutHeaders, withoutSecretSettings } from "./remembered-config.ts";
import { resolveConfig } from "./resolve-config.ts";
import { type Config, type ConfigFile, configSchema } from "./schema.ts";
import { ConfigError } from "../errors.ts";
import { isJsonArray, isJsonObject, type Json } from "../lib/exact-json.ts";
import { fileProblem } from "../lib/files/file-problem.ts";
import { detectForeignEncoding, toUtf8Hint } from "../lib/files/foreign-encoding.ts";

export interface LoadOptions {
  /** The values of `${NAME}`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads and checks a configuration whole. Nothing but the file is looked at: no server, no prompts, no database.
 * @throws {ConfigError} that lists every problem with line and column.
 */
export function loadConfig(file: string, { env }: LoadOptions): Config {
  const configFile = resolve(file);
  const yaml = parseYaml(readText(file), { file });
  const { config: written, wrapped } = wrapLonePairs(yaml.value);
  const refuse = (problems: readonly Problem[]): ConfigError =>
    toError(
      problems.map((problem) => ({ ...problem, path: asWritten(problem.path, wrapped) })),
      { file, yaml },
    );

  if (!isJsonObject(written))
    throw refuse([{ path: [], message: written === null ? "the file is empty" : "expected a mapping (key: value) at the top" }]);
  const expanded = expandVariables(written, env);
  if (expanded.problems.length > 0) throw refuse(expanded.problems);
  const isQuoted = (path: Path): boolean => yaml.isQuoted(asWritten(path, wrapped));
  const parsed = parseLeniently(expanded.value, { wholes: expanded.wholes, isQuoted });
  if (!parsed.success) throw refuse(describeIssues(parsed.error.issues, { written, wrapped, schema: configJsonSchema() }));
  const problems = [...reservedKeys(written), ...crossChecks(parsed.data, { wrapped })];
  if (problems.length > 0) throw refuse(problems);
  const config = resolveConfig(parsed.data, { configFile, written: withoutSecretSettings(withoutHeaders(written)) });
  const misplaced = checkPlaces(config);
  if (misplaced.length > 0) throw refuse(misplaced);
  return config;
}

function readText(file: string): string {
  try {
    const bytes = readFileSync(file);
    const encoding = detectForeignEncoding(bytes);
    if (encoding !== null) throw new ConfigError(`Cannot read the config ${file}: it is ${encoding}`, { hint: toUtf8Hint(encoding) });
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const why = error instanceof TypeError ? "it is not UTF-8 text" : fileProblem(error);
    throw new ConfigError(`Cannot read the config ${file}: ${why}`, {
      hint: "name it with -c FILE, or create one: pnpm pipeline init WORKFLOW.json",
      cause: error,
    });
  }
}

interface Leniency {
  readonly wholes: readonly WholeVariable[];
  readonly isQuoted: (path: Path) => boolean;
}

/**
 * Checks, and where a value does not fit tries what else it may mean: a variable as number, boolean or null instead of text (the
 * other way round where it stands without quotes), a section with nothing under it as one of defaults.
 */
function parseLeniently(config: Json, { wholes, isQuoted }: Leniency): z.ZodSafeParseResult<ConfigFile> {
  const plain = wholes.filter(({ path }) => !isQuoted(path));
  let value = plain.reduce((tree, { path, typed }) => withValue(tree, path, typed), config);
  const first = configSchema.safeParse(value);
  if (first.success) return first;
  const bad = badPaths(first.error.issues);
  for (const { path, text, typed } of wholes) {
    if (!bad.has(JSON.stringify(path))) continue;
    value = withValue(value, path, isQuoted(path) ? typed : text);
  }
  value = fillEmptySections(value, first.error.issues);
  const second = configSchema.safeParse(value);
  if (second.success) return second;
  // A value that fits neither way is reported as if it had no quotes: a port of 99999 is too large, not text.
  const stillBad = badPaths(second.error.issues);
  for (const { path, typed } of wholes) if (stillBad.has(JSON.stringify(path))) value = withValue(value, path, typed);
  return parseWithSections(value);
}

/** Treats missing required sections as empty ones, so that all keys that are required there are reported at once. */
function parseWithSections(config: Json): z.ZodSafeParseResult<ConfigFile> {
  const hasWorkflow = isJsonObject(config) && (Object.hasOwn(config, "workflow") || Object.hasOwn(config, "workflows"));
  let value = isJsonObject(config) && !hasWorkflow ? { ...config, workflow: {} } : config;
  for (;;) {
    const result = configSchema.safeParse(value);
    const filled = result.success ? value : addMissingSections(value, result.error.issues);
    if (filled === value) return result;
    value = filled;
  }
}

function addMissingSections(config: Json, issues: readonly z.core.$ZodIssue[]): Json {
  return sectionsIn(issues).reduce((tree, path) => {
    const parent = valueAt(tree, path.slice(0, -1));
    const key = path.at(-1);
    if (typeof key !== "string" || !isJsonObject(parent) || Object.hasOwn(parent, key)) return tree;
    return withValue(tree, path.slice(0, -1), { ...parent, [key]: {} });
  }, config);
}

function badPaths(issues: readonly z.core.$ZodIssue[]): ReadonlySet<string> {
  return new Set(issues.map(({ path }) => JSON.stringify(path)));
}

/** `harvest:` with all its keys commented out is null in YAML, and means the defaults. */
function fillEmptySections(config: Json, issues: readonly z.core.$ZodIssue[]): Json {
  return sectionsIn(issues).reduce((tree, path) => withValue(tree, path, (present) => (present === null ? {} : present)), config);
}

/** Returns the paths at which a mapping was expected and something else, or nothing, was found. */
function sectionsIn(issues: readonly z.core.$ZodIssue[]): readonly Path[] {
  return issues
    .filter((issue) => issue.code === "invalid_type" && (issue.expected === "object" || issue.expected === "record"))
    .map(({ path }) => path.map(toStep));
}

function toStep(step: PropertyKey): string | number {
  return typeof step === "number" ? step : String(step);
}

/** A copy of the tree with another value at a path; a path that leads nowhere changes nothing. */
function withValue(tree: Json, path: Path, value: Json | ((present: Json) => Json)): Json {
  const [step, ...rest] = path;
  if (step === undefined) return typeof value === "function" ? value(tree) : value;
  if (isJsonArray(tree) && typeof step === "number")
    return tree.map((item, index) => (index === step ? withValue(item, rest, value) : item));
  if (!isJsonObject(tree) || !Object.hasOwn(tree, step)) return tree;
  return { ...tree, [step]: withValue(tree[step] ?? null, rest, value) };
}

interface ErrorPlace {
  readonly file: string;
  readonly yaml: YamlFile;
}

function toError(problems: readonly Problem[], { file, yaml }: ErrorPlace): ConfigError {
  const placed = problems
    .map(({ path, part, message }) => ({ message, ...yaml.locate(path, part ?? "value") }))
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
  const lines = placed.map(({ line, column, message }) => `line ${line}, column ${column}: ${message}`);
  const list = lines.length === 1 ? ` ${lines.join("")}` : ` ${lines.length} problems\n  ${lines.join("\n  ")}`;
  return new ConfigError(`Cannot use the config ${file}:${list}`, { hint: "configs/pipeline.yaml shows every key with its meaning" });
}

/** The one key that JavaScript objects cannot simply hold. zod skips it, and its value would be lost silently. */
const RESERVED = "__proto__";

/** Finds keys that no part of the program could see. */
function reservedKeys(value: Json, path: Path = []): readonly Problem[] {
  if (isJsonArray(value)) return value.flatMap((item, index) => reservedKeys(item, [...path, index]));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]): readonly Problem[] => {
    const here = [...path, key];
    if (key === RESERVED) return [{ path: here, part: "key", message: `${formatPath(here)} is no name that anything can have` }];
    return reservedKeys(item, here);
  });
}
