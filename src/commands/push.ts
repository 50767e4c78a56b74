import { join } from "node:path";
import { loadConfig } from "../config/load-config.ts";
import { openReadonly } from "../db/open.ts";
import { ConfigError, EXIT, FatalError } from "../errors.ts";
import { byteSize, counted } from "../lib/words.ts";
import { databaseFile, hintFor } from "./open-context.ts";
import { exportStoreUri } from "../stages/export/export.ts";
import { checkVersionName } from "../stages/export/versions/versions.ts";
import { type PushReport, pushVersion } from "../stages/export/push/push.ts";
import { openStore } from "../stores/registry.ts";
import type { CommandResult } from "./command.ts";
import type { InputOf } from "./registry.ts";
import { findNewest } from "./verify/find-newest.ts";

const HUB = "https://huggingface.co";

/** Brings a version to a dataset repository on the Hugging Face Hub. Changes nothing here. */
export async function run(input: InputOf<"push">): Promise<CommandResult> {
  const { args, env, log, clock, stopping, signal } = input;
  const [wanted] = args;
  if (wanted !== undefined) checkVersionName(wanted);
  const repo = readRepo(input);
  const branch = input.options.branch ?? "main";
  const config = loadConfig(input.options.config, { env });
  const token = readToken(env);
  const endpoint = readEndpoint(env);
  const store = await openStore({ ...config.store, uri: exportStoreUri(config.export.uri) }, { concurrency: config.harvest.concurrency });
  try {
    const version = wanted ?? (await newest(input, databaseFile(config), store));
    const needs = { store, log, clock, stopping, signal, spoolFolder: join(config.dir, ".push-spool") };
    const isPrivate = input.options.private;
    const report = await pushVersion(needs, { version, isNamed: wanted !== undefined, endpoint, token, repo, branch, isPrivate });
    const { outcome: _, commit, url, sentBytes, ...counts } = report;
    input.show({ event: "pushed", version, repo, branch, url, commit, ...counts, sent_bytes: sentBytes }, describe(version, report));
    return { exit: EXIT.done, counts };
  } finally {
    await store.close();
  }
}

async function newest(input: InputOf<"push">, file: string, store: Parameters<typeof findNewest>[0]["store"]): Promise<string> {
  const db = openReadonly(file, hintFor(input));
  try {
    const report = (where: string, problem: string): void => input.log.warn(`${where}: ${problem}`);
    const version = await findNewest({ store, db, signal: input.signal, report });
    if (version === null) throw new ConfigError(`Cannot push: no version is in ${store.uri}`, { hint: hintFor(input)("export") });
    return version;
  } finally {
    db.close();
  }
}

function readRepo({ options }: Pick<InputOf<"push">, "options">): string {
  const { repo } = options;
  if (repo !== undefined && /^[\w][\w.-]{0,95}\/[\w][\w.-]{0,95}$/.test(repo)) return repo;
  throw new ConfigError(
    repo === undefined ? "Cannot push: --repo is missing" : `Cannot push to ${JSON.stringify(repo)}: it is no owner/name`,
    {
      hint: "push --repo owner/name",
    },
  );
}

/** Reads the token from the environment. It is never in the configuration, which people commit. */
function readToken(env: InputOf<"push">["env"]): string {
  const token = env["HF_TOKEN"] ?? "";
  if (token.startsWith("hf_")) return token;
  throw new FatalError(`Cannot push: HF_TOKEN ${token === "" ? "is not set" : "is no token of the Hub, which begins with hf_"}`, {
    hint: "export HF_TOKEN with a token that may write (hf.co/settings/tokens)",
  });
}

function readEndpoint(env: InputOf<"push">["env"]): string {
  const endpoint = (env["HF_ENDPOINT"] ?? "").replace(/\/+$/, "") || HUB;
  if (!/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/.test(endpoint)) {
    throw new ConfigError("Cannot use HF_ENDPOINT: it is no http:// or https:// address", { hint: `leave it out for ${HUB}` });
  }
  return endpoint;
}

function describe(version: string, { outcome, url, added, same, removed, sentBytes, commit }: PushReport): string {
  if (outcome === "unchanged") return `${url} has ${version} already: ${counted(same, "file")} the same`;
  const sent = `${counted(added, "file")} new or changed (${byteSize(sentBytes)} of large files sent)`;
  return `Pushed ${version} to ${url}: ${sent}, ${same} there before, ${removed} removed\ncommit  ${commit ?? ""}`;
}
