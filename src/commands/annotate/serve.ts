import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../config/load-config.ts";
import { refuseUnfedPolicies } from "../../config/checks/refuse-unfed-policies.ts";
import type { Config } from "../../config/schema.ts";
import type { Context } from "../../context.ts";
import { comparisonQueries } from "../../db/queries/page/comparisons.ts";
import { findDataset } from "../../db/queries/overview/dataset.ts";
import { voteQueries } from "../../db/queries/annotate/votes.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { hintFor } from "../open-context.ts";
import { openStage } from "../open-stage.ts";
import { isLoopback, refuseOpenNetwork, type ServeAddress } from "../../page/server/addresses.ts";
import { createComparisonFeed, followFeed } from "../../page/server/tasks/comparison-feed.ts";
import { readComparisonRules } from "../../page/server/tasks/comparison-rules.ts";
import { ensurePageBuilt, readStaticFiles } from "../../page/server/page-files.ts";
import { readGold } from "../../page/server/tasks/read-gold.ts";
import { openServerSecret } from "../../page/server/secrets.ts";
import { startPageServer } from "../../page/server/start-page-server.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";

const PORT_MAX = 65_535;
/** Longest guidelines, characters: nobody reads more on one page. */
const GUIDELINES_MAX_CHARS = 200_000;

/** `annotate serve`: serves the annotation page until it is stopped. */
export async function serve(input: InputOf<"annotate">): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const { people } = config.annotate;
  refuseUnfedPolicies(config, { asking: true });
  const address = readAddress(input, people);
  refuseOpenNetwork(address);
  await ensurePageBuilt({ log: input.log, clock: input.clock, signal: input.stopping });
  const files = await readStaticFiles();

  await using opened = await openStage(input, { locks: ["serve"] });
  const { context } = opened;
  await loadGold(context);
  const rules = readComparisonRules(context.config);
  const feed = createComparisonFeed(context, rules);
  const following = await followFeed(feed, context);
  try {
    const server = await startPageServer(context, {
      ...address,
      datasetId: findDataset(context.db)?.datasetId ?? "",
      secret: openServerSecret(context.config.dir),
      rules,
      feed,
      files,
      guidelines: readGuidelines(people.guidelines),
    });
    writeUrlFile(join(context.config.dir, "page/url"), { url: server.url, log: input.log });
    reportServing(input, { address, server });
    await following.untilStopped();
    await server.close();
  } finally {
    await following.close();
  }
  return { exit: EXIT.done, counts: { ...datasetCounts(context) } };
}

function readAddress({ options }: InputOf<"annotate">, people: Config["annotate"]["people"]): ServeAddress & { readonly port: number } {
  const { host = people.host, port = people.port } = options;
  if (!/^\d{1,5}$/.test(String(port)) || Number(port) > PORT_MAX) {
    throw new ConfigError(`Cannot read --port ${String(port)}: expected a whole number from 0 to ${PORT_MAX}`);
  }
  if (host === "" || /[\s/@]/.test(host)) {
    throw new ConfigError(`Cannot read --host ${host}: expected an address, such as 127.0.0.1 or 0.0.0.0`);
  }
  return { host, port: Number(port), publicUrl: people.public_url, insecure: options.insecure };
}

/** Writes the page's address to a file from which `annotate invite` reads it. Without it, `invite` uses the configuration. */
function writeUrlFile(file: string, { url, log }: { readonly url: string; readonly log: InputOf<"annotate">["log"] }): void {
  try {
    writeFileSync(file, url);
  } catch (error) {
    log.warn(
      `Cannot write ${file}: ${fileProblem(error)}. Links of annotate invite will begin with the configured address, not with ${url}`,
    );
  }
}

interface Served {
  readonly address: ServeAddress;
  readonly server: { readonly url: string; readonly leadUrl: string };
}

function reportServing(input: InputOf<"annotate">, { address, server }: Served): void {
  if (!isLoopback(address.host)) {
    const how =
      address.publicUrl === null ? "unencrypted: anybody on the way can read links and vote" : `people open it at ${address.publicUrl}`;
    input.log.warn(`The page is open to the network on ${address.host} (${how})`);
  }
  input.show(
    { event: "serving", url: server.url, lead_url: server.leadUrl },
    `The annotation page is open. Your own link, as the lead. Keep it secret:\n  ${server.leadUrl}`,
  );
  input.log.info(`Invite others with ${hintFor(input)("annotate invite NAME")}. Stop with Ctrl-C; no vote is lost`);
}

async function loadGold({ config, db }: Pick<Context, "config" | "db">): Promise<void> {
  const { people, criteria } = config.annotate;
  const gold = people.gold === null ? [] : await readGold(people.gold, { queries: voteQueries(db), criteria });
  comparisonQueries(db).setGold(gold);
}

function readGuidelines(file: string | null): string | null {
  if (file === null) return null;
  try {
    const text = readFileSync(file, "utf8");
    if (text.length <= GUIDELINES_MAX_CHARS) return text;
  } catch (error) {
    throw new ConfigError(`Cannot read annotate.people.guidelines ${file}: ${fileProblem(error)}`, {
      cause: error,
      hint: "name a text file, or remove the key",
    });
  }
  throw new ConfigError(`Cannot show annotate.people.guidelines ${file}: it is longer than ${GUIDELINES_MAX_CHARS} characters`);
}
