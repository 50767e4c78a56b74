import { chmodSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { errnoOf } from "../lib/files/file-problem.ts";
import type { Log } from "../lib/log.ts";
import { withoutExtraData, withoutSecretInputs, withoutSecretParams } from "./migration-functions.ts";

/** `user_version` of a database from which the secrets of old versions are gone, from its free pages and its copies too. */
const CLEAN = 8;
/** Time that a start waits for other readers, ms. The next start tries again what they hold up. */
const CHECKPOINT_WAIT_MS = 1_000;

/**
 * Finishes what migration 0008 began: until then, `extra_data` of wrapped workflows (which may hold API keys) was kept in the database. Its
 * bytes leave the free pages of the file, and the copies that earlier migrations left beside it. Does nothing where that was done before;
 * killed
 * in the middle, or kept from it by a reader or a full disk, the next call does the rest.
 */
export function removeOldSecrets(client: Database.Database, file: string, log?: Pick<Log, "info">): void {
  const isMigrated = client.prepare(`select 1 from pragma_table_info('dataset') where name = 'defaults'`).get() !== undefined;
  if (!isMigrated || client.pragma("user_version", { simple: true }) === CLEAN) return;
  const hasOldPages = client.prepare(`select 1 from dataset where defaults = 0`).get() !== undefined;
  if (file !== ":memory:" && hasOldPages) {
    log?.info("Removing secrets of workflows (extra_data, API keys) from the database and its copies");
    emptySecrets(client);
    const why = rewritePages(client);
    for (const copy of listCopies(file)) cleanCopy(copy, log);
    if (why !== null) {
      log?.info(`Old pages of ${file} may still hold such secrets: ${why}. The next start tries again`);
      return;
    }
  }
  client.pragma(`user_version = ${CLEAN}`);
}

/** Writes every page anew and empties the log of changes. Returns why old pages are still there, null where they are gone. */
function rewritePages(client: Database.Database): string | null {
  try {
    client.exec("vacuum");
    const before: unknown = client.pragma("busy_timeout", { simple: true });
    client.pragma(`busy_timeout = ${CHECKPOINT_WAIT_MS}`);
    const [result] = client.pragma("wal_checkpoint(TRUNCATE)") as readonly { readonly busy: number }[]; // sqlite.org/pragma.html
    client.pragma(`busy_timeout = ${Number(before)}`);
    return result?.busy === 0 ? null : "another program was reading the database";
  } catch (error) {
    // A full disk is no reason to keep the dataset closed: it is up to date.
    if (!(error instanceof Database.SqliteError)) throw error;
    return error.message;
  }
}

/** Takes out of each variant what is sent from its workflow's file: extra_data, and inputs and set values that look like secrets. */
function emptySecrets(client: Database.Database): void {
  client.function("without_extra_data", { deterministic: true }, (wrapper) => withoutExtraData(String(wrapper)));
  client.function("without_secret_inputs", { deterministic: true }, (graph) => withoutSecretInputs(String(graph)));
  client.function("without_secret_params", { deterministic: true }, (params) => withoutSecretParams(String(params)));
  client.exec(`update variants set wrapper = iif(wrapper = '{}', wrapper, without_extra_data(wrapper)),
    graph = without_secret_inputs(graph), params = without_secret_params(params)`);
}

/** Lists the copies that migrations made before they changed the database. */
function listCopies(file: string): readonly string[] {
  const prefix = `${basename(file)}.before-`;
  const entries = readdirSync(dirname(file), { withFileTypes: true });
  const copies = entries.filter((entry) => entry.isFile() && entry.name.startsWith(prefix) && entry.name.endsWith(".bak"));
  return copies.map(({ name }) => join(dirname(file), name));
}

/** Gives a copy, which may be write-protected, to its owner alone. Where that is another user SQLite says whether it can be written. */
function unlock(copy: string): void {
  try {
    chmodSync(copy, 0o600);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

function cleanCopy(copy: string, log?: Pick<Log, "info">): void {
  unlock(copy);
  let client: Database.Database | undefined;
  try {
    client = new Database(copy, { fileMustExist: true });
    emptySecrets(client);
    client.exec("vacuum");
  } catch (error) {
    // A copy that cannot be read is no reason to keep the dataset closed for ever.
    if (!(error instanceof Database.SqliteError)) throw error;
    log?.info(`Cannot remove secrets from the copy ${copy}: ${error.message}. Delete it if it may hold secrets and nobody needs it`);
  } finally {
    client?.close();
  }
}
