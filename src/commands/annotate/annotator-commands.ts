import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../config/load-config.ts";
import type { Config } from "../../config/schema.ts";
import { type AnnotatorQueries, annotatorQueries, type AnnotatorRow } from "../../db/queries/page/annotators.ts";
import { assignmentQueries } from "../../db/queries/page/assignments.ts";
import { pageVoteQueries } from "../../db/queries/page/page-votes.ts";
import { type Db, expectDatabase, openDatabase } from "../../db/open.ts";
import { isLocked } from "../../db/process-lock.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { ago, counted } from "../../lib/words.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { printable } from "../../lib/terminal/printable.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import { buildPageUrl } from "../../page/server/addresses.ts";
import { JOIN } from "../../page/server/guard.ts";
import { LEAD } from "../../page/server/start-page-server.ts";
import { createToken, hashToken } from "../../page/server/secrets.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";

/** Source: docs/votes.md. */
const NAME_CHARS_MAX = 200;
const PSEUDONYM_BYTES = 4;

interface Deps {
  readonly input: InputOf<"annotate">;
  readonly config: Config;
  readonly db: Db;
  readonly annotators: AnnotatorQueries;
}

const ACTIONS: Readonly<Record<string, (names: readonly string[], deps: Deps) => void>> = { invite, people, revoke, exclude, forget };

/**
 * Runs `annotate invite`, `people`, `revoke`, `exclude` or `forget`, with or without a running server. @throws {ConfigError} for another
 * action.
 */
export async function runAnnotatorCommand(input: InputOf<"annotate">, action: string): Promise<CommandResult> {
  const hint = hintFor(input);
  const perform = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (perform === undefined) {
    const known = ["serve", "import", "export-tasks", ...Object.keys(ACTIONS)];
    throw new ConfigError(`Cannot annotate ${action}: unknown action${didYouMean(action, known)}`, {
      hint: `${hint("annotate")}, or ${hint(`annotate ${known.join("|")}`)}`,
    });
  }
  const names = input.args.slice(1).map((name) => name.normalize("NFC").trim());
  if (names.length === 0 && action !== "people")
    throw new ConfigError(`Cannot ${action}: no name given`, { hint: hint(`annotate ${action} NAME`) });
  const config = loadConfig(input.options.config, { env: input.env });
  expectDatabase(databaseFile(config), hint);
  const db = openDatabase(databaseFile(config), input);
  try {
    perform(names, { input, config, db, annotators: annotatorQueries(db) });
  } finally {
    db.close();
  }
  return { exit: EXIT.done };
}

/** Checks all names before it creates a link, because links are shown once. */
function invite(names: readonly string[], { input, config, annotators }: Deps): void {
  for (const name of names) {
    const why = findNameProblem(name, annotators.findByName(name));
    if (why !== null) throw new ConfigError(`Cannot invite ${printable(name)}: ${why}`);
  }
  const url = readServedUrl(config);
  for (const name of new Set(names)) {
    const token = createToken();
    const before = annotators.findByName(name);
    annotators.setToken(name, { role: "annotator", tokenSha256: hashToken(token), nowMs: input.clock.nowMs() });
    const link = `${url}${JOIN}${token}`;
    input.show({ event: "invited", annotator: name, url: link }, `${name}\t${link}`);
    if (before !== null && before.tokenSha256 !== null) input.log.warn(`${name}'s earlier link no longer works`);
  }
  input.log.info("Links are shown only once. Send each link to its person alone. To replace a link, invite the person again");
  if (!isLocked(config.dir, "serve")) input.log.info(`The page is not served now. Start it with ${hintFor(input)("annotate serve")}`);
}

function findNameProblem(name: string, before: AnnotatorRow | null): string | null {
  if (name === "" || name.length > NAME_CHARS_MAX) return `expected a name of 1 to ${NAME_CHARS_MAX} characters`;
  if (printable(name) !== name || /[\n\t]/.test(name)) return "a name must not contain control characters";
  if (name === LEAD) return `this name is reserved for whoever starts the page, who uses the link that serve prints`;
  return before !== null && before.forgottenAtMs !== null ? "it is the pseudonym of a forgotten person. Choose another name" : null;
}

/** Returns the address at which the page is served now, or will be by the configuration. */
function readServedUrl({ dir, annotate: { people: configured } }: Config): string {
  if (isLocked(dir, "serve")) {
    try {
      return readFileSync(join(dir, "page/url"), "utf8");
    } catch {
      // The server is starting.
    }
  }
  return buildPageUrl({ host: configured.host, publicUrl: configured.public_url }, configured.port);
}

function people(_names: readonly string[], deps: Deps): void {
  const all = deps.annotators.all();
  if (all.length === 0) deps.input.log.info(`Nobody is invited yet. Invite people with ${hintFor(deps.input)("annotate invite NAME")}`);
  for (const row of all) showPerson(row, deps);
}

function revoke(names: readonly string[], deps: Deps): void {
  for (const row of findPeople(names, { action: "revoke", deps })) {
    if (row.role === "lead") {
      throw new ConfigError("Cannot revoke the lead's link", {
        hint: `stop serve and delete ${join(deps.config.dir, "page/secret")}. The next start makes another link`,
      });
    }
    deps.annotators.revoke(row.annotatorId);
    assignmentQueries(deps.db).releaseLeases(row.annotatorId);
    showPerson({ ...row, tokenSha256: null }, deps);
  }
  deps.input.log.info("Their links no longer work. Their votes still count");
}

function exclude(names: readonly string[], deps: Deps): void {
  const isExcluded = !deps.input.options.undo;
  const nowMs = deps.input.clock.nowMs();
  for (const { name } of findPeople(names, { action: "exclude", deps })) {
    deps.annotators.setExcluded(name, { excluded: isExcluded, nowMs });
    const row = deps.annotators.findByName(name);
    if (row !== null) showPerson(row, deps);
  }
  const what = isExcluded ? "Their votes no longer count. Comparisons that lack votes now are asked again" : "Their votes count again";
  deps.input.log.info(`${what}. Update the rows with ${hintFor(deps.input)("link")}`);
}

function forget(names: readonly string[], deps: Deps): void {
  const nowMs = deps.input.clock.nowMs();
  for (const { name, role } of findPeople(names, { action: "forget", deps })) {
    if (role === "lead") throw new ConfigError(`Cannot forget ${LEAD}: it is not the name of a person`);
    const pseudonym = `annotator-${randomBytes(PSEUDONYM_BYTES).toString("hex")}`;
    deps.annotators.forget(name, { pseudonym, nowMs });
    const row = deps.annotators.findByName(pseudonym);
    if (row === null) continue;
    assignmentQueries(deps.db).releaseLeases(row.annotatorId);
    showPerson(row, deps);
  }
  deps.input.log.info(
    "Names and links are deleted. The votes remain, under a pseudonym. Earlier exports and backups still contain the names",
  );
}

/** Finds people by name, also those who voted only elsewhere. @throws {ConfigError} for an unknown name, before anything changes. */
function findPeople(names: readonly string[], { action, deps }: { readonly action: string; readonly deps: Deps }): readonly AnnotatorRow[] {
  const { annotators, input } = deps;
  return names.map((name) => {
    const row = annotators.findByName(name);
    if (row !== null) return row;
    if (action !== "revoke" && annotators.hasVoted(name)) return createRowOfStranger(name, input.clock.nowMs());
    const like = didYouMean(
      name,
      annotators.all().map((each) => each.name),
    );
    throw new ConfigError(`Cannot ${action} ${printable(name)}: no such person${like}`, { hint: hintFor(input)("annotate people") });
  });
}

function createRowOfStranger(name: string, nowMs: number): AnnotatorRow {
  const nothing = { tokenSha256: null, seenAtMs: null, excludedAtMs: null, forgottenAtMs: null };
  return { annotatorId: -1, name, role: "annotator", createdAtMs: nowMs, ...nothing };
}

function showPerson(row: AnnotatorRow, { db, input }: Deps): void {
  const votes = pageVoteQueries(db).count(row.annotatorId);
  const excluded = row.excludedAtMs !== null;
  const state = readState(row);
  const seen = row.seenAtMs === null ? "never came" : `seen ${ago(input.clock.nowMs() - row.seenAtMs)}`;
  input.show(
    { event: "annotator", annotator: row.name, role: row.role, state, excluded, votes, seen_at_ms: row.seenAtMs },
    `${row.name}\t${state}${excluded ? ", excluded" : ""}\t${counted(votes, "vote")} on the page\t${seen}`,
  );
}

function readState({ role, tokenSha256, seenAtMs, forgottenAtMs }: AnnotatorRow): string {
  if (forgottenAtMs !== null) return "forgotten";
  if (role === "lead") return "lead";
  if (tokenSha256 === null) return "no link";
  return seenAtMs === null ? "invited" : "active";
}
