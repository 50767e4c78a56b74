import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { FatalError } from "../errors.ts";
import type { Log } from "../lib/log.ts";
import { databaseError } from "./database-error.ts";
import { drizzle, migrate } from "./drizzle.ts";
import { makeDataFolder, makePrivate } from "./data-folder.ts";
import { addMigrationFunctions } from "./migration-functions.ts";
import { removeOldSecrets } from "./remove-old-secrets.ts";
import * as schema from "./schema/tables.ts";
import { waitWhileBusy } from "./wait-while-busy.ts";

/** Makes a command that can be pasted of the words after the program's name. */
export type CommandHint = (words: string) => string;

/** Time that a statement waits for another process's transaction before the user is told, ms. Our writers hold theirs for a few ms. */
const BUSY_TIMEOUT_MS = 10_000;
/** Time that a start waits for another process's migration, ms. */
const MIGRATION_LOCK_TIMEOUT_MS = 30_000;

export const MIGRATIONS_FOLDER = join(import.meta.dirname, "../../migrations");

export interface OpenOptions {
  /** Gets a message before a filled database is migrated. With millions of images that takes minutes. */
  readonly log?: Pick<Log, "info">;
  readonly migrationsFolder?: string;
  /** Time to wait for another process's migration, ms; default 30 s. */
  readonly lockTimeoutMs?: number;
  /** Time that a statement waits for another program's lock before the user is told, ms; default 10 s. */
  readonly busyTimeoutMs?: number;
}

/** The one writer connection of a process: `orm` for typed and cold queries, `client` for prepared hot paths. */
export interface Db {
  readonly client: Database.Database;
  readonly orm: BetterSQLite3Database<typeof schema>;
  readonly file: string;
  close(): void;
}

/**
 * Opens the database, creating and migrating it as needed. drizzle's own migrate() is guarded: it would drop child rows
 * when foreign keys are on (drizzle-orm#5782), skip a migration that was merged late, and race with a second process.
 * @throws {FatalError} if the database is newer than this program, a migration would be skipped, or another process is migrating.
 */
export function openDatabase(
  file: string,
  {
    log,
    migrationsFolder = MIGRATIONS_FOLDER,
    lockTimeoutMs = MIGRATION_LOCK_TIMEOUT_MS,
    busyTimeoutMs = BUSY_TIMEOUT_MS,
  }: OpenOptions = {},
): Db {
  if (file !== ":memory:") {
    makeDataFolder(dirname(file));
    makePrivate(file);
  }
  // A mutex across processes that the system frees with the process.
  const lock = connect(file === ":memory:" ? file : `${file}.lock`, { timeout: lockTimeoutMs });
  try {
    waitForLock(lock, file);
    const client = connect(file, { timeout: busyTimeoutMs });
    waitWhileBusy(client, { file, log });
    try {
      client.pragma("journal_mode = WAL");
      migrateGuarded(client, { file, folder: migrationsFolder, log });
      removeOldSecrets(client, file, log);
      client.pragma("foreign_keys = ON");
      // WAL's compiled-in default is NORMAL, which may lose acknowledged commits at a power cut. A FULL commit costs 0.2 ms.
      client.pragma("synchronous = FULL");
    } catch (error) {
      client.close();
      throw databaseError(error, file);
    }
    return { client, orm: drizzle({ client, schema, casing: "snake_case" }), file, close: () => client.close() };
  } finally {
    lock.close();
  }
}

/** @throws {FatalError} if the other process takes longer than anyone should wait without knowing why. */
function waitForLock(lock: Database.Database, file: string): void {
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    if (!(error instanceof Database.SqliteError) || error.code !== "SQLITE_BUSY") throw databaseError(error, `${file}.lock`);
    throw new FatalError(`Cannot open the database ${file}: another process is bringing it up to date`, {
      hint: "try again when it is done. With millions of images that takes minutes",
      cause: error,
    });
  }
}

/**
 * Opens an existing database for reading only: a consistent snapshot beside running writers. `hint` makes a command of its words.
 * @throws {FatalError} if no stage has made it yet, or another version of the program has.
 */
export function openReadonly(file: string, hint: CommandHint = (words) => `pnpm pipeline ${words}`): Db {
  expectDatabase(file, hint);
  const client = connect(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    if (pendingMigrations(client, file, MIGRATIONS_FOLDER).pending.length > 0) {
      throw new FatalError(`Cannot read the database ${file}: it was written by an older version of this program`, {
        hint: `${hint("link")} brings it up to date, as every stage does`,
      });
    }
  } catch (error) {
    client.close();
    throw databaseError(error, file);
  }
  return { client, orm: drizzle({ client, schema, casing: "snake_case" }), file, close: () => client.close() };
}

/** @throws {FatalError} if no stage has made the database yet. */
export function expectDatabase(file: string, hint: CommandHint): void {
  if (existsSync(file)) return;
  throw new FatalError(`Cannot read the database ${file}: it does not exist`, {
    hint: `${hint("run")} (or generate alone) makes it; or check \`dir\` in the config`,
  });
}

function connect(file: string, options: Database.Options): Database.Database {
  try {
    return new Database(file, options);
  } catch (error) {
    throw databaseError(error, file);
  }
}

interface JournalEntry {
  readonly when: number;
  readonly tag: string;
}

interface Migrations {
  readonly pending: readonly JournalEntry[];
  /** When each was written that the database has. */
  readonly applied: ReadonlySet<number>;
}

/** @throws {FatalError} if the database is newer than this program. */
function pendingMigrations(client: Database.Database, file: string, folder: string): Migrations {
  // drizzle-kit writes this file; its shape is fixed by drizzle's migrator, which reads it too.
  const journal = (JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8")) as { entries: JournalEntry[] }).entries;
  const applied = appliedMigrations(client);
  const known = new Set(journal.map((entry) => entry.when));
  if ([...applied].some((when) => !known.has(when))) {
    throw new FatalError(`Cannot open the database ${file}: it was written by a newer version of this program`, {
      hint: "update comfy-dpo, or use the version that made the database",
    });
  }
  return { pending: journal.filter((entry) => !applied.has(entry.when)), applied };
}

interface Migrating {
  readonly file: string;
  readonly folder: string;
  readonly log: OpenOptions["log"] | undefined;
}

function migrateGuarded(client: Database.Database, { file, folder, log }: Migrating): void {
  const { pending, applied } = pendingMigrations(client, file, folder);
  const [first] = pending;
  if (first === undefined) return;
  if (pending.some((entry) => entry.when < Math.max(0, ...applied))) {
    throw new FatalError(
      `Cannot migrate the database ${file}: migration ${first.tag} is older than one already applied and would be skipped`,
    );
  }
  const copy = `${file}.before-${first.tag}.bak`;
  if (applied.size > 0) {
    log?.info(`Bringing the database up to date; ${copy} keeps it as it was`);
    keepCopy(client, copy);
  }
  addMigrationFunctions(client, file);
  client.pragma("foreign_keys = OFF"); // Inside migrate()'s transaction the pragma would be a no-op, and a table rebuild would cascade.
  migrate(drizzle({ client }), { migrationsFolder: folder });
  const broken = client.pragma("foreign_key_check");
  if (Array.isArray(broken) && broken.length > 0) {
    throw new FatalError(`Cannot migrate the database ${file}: ${broken.length} rows lost their parent`, {
      hint: `the state before is in ${copy}`,
    });
  }
}

/** A copy that a killed start left behind is made again: SQLite writes into no file that has something in it. */
function keepCopy(client: Database.Database, copy: string): void {
  const partial = `${copy}.partial`;
  for (const left of [partial, `${partial}-journal`]) rmSync(left, { force: true });
  client.prepare("vacuum into ?").run(partial);
  makePrivate(partial);
  renameSync(partial, copy);
}

function appliedMigrations(client: Database.Database): Set<number> {
  const table = client.prepare("select 1 from sqlite_master where name = '__drizzle_migrations'").get();
  if (table === undefined) return new Set();
  return new Set(client.prepare("select created_at from __drizzle_migrations").pluck().all().map(Number));
}
