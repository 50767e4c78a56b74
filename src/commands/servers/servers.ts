import type { ComfyClient } from "../../comfy/client/client.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { Config } from "../../config/schema.ts";
import { expectDatabase, openDatabase } from "../../db/open.ts";
import { rememberServer } from "../../db/queries/jobs/servers.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import type { CommandInput, CommandResult } from "../command.ts";
import { listServers } from "./list-servers.ts";

/** The orders that a server takes, each with the words for when it is done. */
const ACTIONS = {
  drain: "gets no new jobs until it is resumed; what is there is finished",
  resume: "gets jobs again",
  interrupt: "was told to interrupt what runs there, whoever sent it",
  free: "was told to unload its models and free its memory",
  clear: "was told to drop everything that waits in its queue, whoever sent it",
} as const;

type Action = keyof typeof ACTIONS;

/** Lists servers, or sends one an order. */
export async function run(input: CommandInput): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const [action, url] = input.args;
  if (action === undefined) return listServers(config, input);
  if (!isAction(action)) {
    throw new ConfigError(`Cannot do "${action}" with servers: no such action${didYouMean(action, Object.keys(ACTIONS))}`, {
      hint: `servers, or servers ${Object.keys(ACTIONS).join("|")} URL`,
    });
  }
  const { comfyClient } = await import("../../comfy/client/client.ts");
  const server = findServer(config, { action, url });
  const client = comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file });
  try {
    if (action === "drain" || action === "resume") want(config, client.url, { action, input });
    else await send(client, action, input.signal);
  } finally {
    await client.close();
  }
  input.show({ event: "server_told", url: client.url, action }, `${client.url} ${ACTIONS[action]}`);
  return { exit: EXIT.done };
}

function isAction(action: string): action is Action {
  return Object.hasOwn(ACTIONS, action);
}

function findServer(
  config: Config,
  { action, url }: { readonly action: Action; readonly url: string | undefined },
): Config["servers"][number] {
  const plain = (text: string): string => text.replace(/\/+$/, "");
  const urls = config.servers.map((server) => plain(server.url));
  const found = config.servers.find((server) => url !== undefined && plain(server.url) === plain(url));
  if (found !== undefined) return found;
  throw new ConfigError(
    url === undefined
      ? `Cannot ${action}: no server given`
      : `Cannot ${action} ${url}: the configuration has no such server${didYouMean(url, urls)}`,
    { hint: `servers ${action} ${urls[0] ?? "URL"}; the configuration has ${urls.join(", ")}` },
  );
}

/** A running generate reads it within a second; a later one finds it. */
function want(config: Config, url: string, { action, input }: { readonly action: "drain" | "resume"; readonly input: CommandInput }): void {
  expectDatabase(databaseFile(config), hintFor(input));
  const db = openDatabase(databaseFile(config), input);
  try {
    rememberServer(db, url, { wanted: action === "drain" ? "drain" : "run" });
  } finally {
    db.close();
  }
}

async function send(client: ComfyClient, action: "interrupt" | "free" | "clear", signal: AbortSignal): Promise<void> {
  if (action === "interrupt") await client.interrupt(null, signal);
  else if (action === "free") await client.free({ unloadModels: true, freeMemory: true }, signal);
  else await client.clearQueue(signal);
}
