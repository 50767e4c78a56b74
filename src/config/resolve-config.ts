import { dirname, resolve } from "node:path";
import { type CheckedUri, checkServerUrl, resolveExportUri, resolveStoreUri } from "./addresses.ts";
import { chooseOtherJudge, needsOtherJudge } from "./judge-roles.ts";
import type { Config, ConfigFile, JudgeConfig, WorkflowConfig } from "./schema.ts";
import type { JsonObject } from "../lib/exact-json.ts";

interface ResolveInput {
  /** Absolute. */
  readonly configFile: string;
  readonly written: JsonObject;
}

/** Turns a checked file into what the program works with: absolute paths and URIs, `workflows` and the sources of pairs filled in. */
export function resolveConfig(checked: ConfigFile, { configFile, written }: ResolveInput): Config {
  const { workflow, workflows, dir: dirWritten, seed, ...rest } = checked;
  const fromFile = (path: string): string => resolve(dirname(configFile), path);
  const orNull = (path: string | null): string | null => (path === null ? null : fromFile(path));
  const dir = fromFile(dirWritten ?? `../runs/${checked.dataset}`);
  const { annotate } = checked;
  // Scores that say how unsafe an image is prefer none.
  const sources = ["people", ...annotate.judges.map(({ name }) => name).filter((name) => name !== annotate.filters.nsfw?.judge)];

  const toWorkflow = (each: WorkflowConfig): WorkflowConfig => ({
    ...each,
    file: fromFile(each.file),
    uploads: mapValues(each.uploads, fromFile),
  });
  const toJudge = (judge: JudgeConfig): JudgeConfig =>
    judge.kind === "openai" ? { ...judge, prompt_file: orNull(judge.prompt_file), by: fillBy(judge, annotate.judges) } : judge;

  return {
    ...rest,
    configFile,
    written,
    dir,
    seed: BigInt(seed),
    prompts: { ...checked.prompts, file: fromFile(checked.prompts.file) },
    workflows: mapValues(workflows ?? (workflow === undefined ? {} : { main: workflow }), toWorkflow),
    servers: checked.servers.map((server) => ({
      ...server,
      url: expectUrl(server.url),
      output_dir: orNull(server.output_dir),
      ca_file: orNull(server.ca_file),
    })),
    store: { ...checked.store, uri: expectUri(resolveStoreUri(checked.store.uri, dir)) },
    annotate: {
      ...annotate,
      judges: annotate.judges.map(toJudge),
      people: { ...annotate.people, gold: orNull(annotate.people.gold), guidelines: orNull(annotate.people.guidelines) },
      pairs: mapValues(annotate.pairs, (policy) => ({ ...policy, from: policy.from ?? sources })),
    },
    export: { ...checked.export, uri: expectUri(resolveExportUri(checked.export.uri, dir)) },
  };
}

/** Filled in: a judge's version depends on it. */
function fillBy(judge: JudgeConfig & { readonly by?: string | undefined }, judges: readonly JudgeConfig[]): string | undefined {
  return needsOtherJudge(judge) ? (judge.by ?? chooseOtherJudge(judge, judges)) : undefined;
}

function expectUrl(text: string): string {
  const checked = checkServerUrl(text);
  if ("why" in checked) throw new Error(`an unchecked server URL: it ${checked.why}`);
  return checked.url;
}

function expectUri(checked: CheckedUri): string {
  if ("why" in checked) throw new Error(`an unchecked URI: it ${checked.why}`);
  return checked.uri;
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

/** Bound name → folder (absolute) of the files that the prompts' column names. A name is one value for every workflow that binds it. */
export function uploadFolders(workflows: Config["workflows"]): Readonly<Record<string, string>> {
  return Object.assign({}, ...Object.values(workflows).map(({ uploads }) => uploads)) as Readonly<Record<string, string>>;
}
