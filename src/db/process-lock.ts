import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { FatalError } from "../errors.ts";
import { fileHint, fileProblem } from "../lib/files/file-problem.ts";
import { databaseError } from "./database-error.ts";
import { makeFolderInData } from "./data-folder.ts";

/** `isLocked` of another process holds the file for microseconds: that is no second process. */
const PROBE_TOLERANCE_MS = 1_000;

/** Connections that hold a lock. Without this reference the garbage collector would close them, and release their locks. */
const holders = new Set<Database.Database>();

/** A stage of a dataset, held by this process until `release`, the end of its scope or the process's end, however it ends. */
export interface ProcessLock extends Disposable {
  release(): void;
}

/**
 * Takes the lock of one stage in `dir`. SQLite's file lock does it, because the system frees it with the process.
 * @throws {FatalError} naming the pid of the process that holds it.
 */
export function acquireProcessLock(dir: string, stage: string): ProcessLock {
  const folder = join(dir, "locks");
  makeFolderInData(folder);
  const pidFile = join(folder, `${stage}.pid`);
  const lockFile = join(folder, `${stage}.lock`);
  const connection = connect(lockFile, PROBE_TOLERANCE_MS);
  try {
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection.close();
    if (!isBusy(error)) throw databaseError(error, lockFile);
    throw new FatalError(`Cannot start ${stage} in ${dir}: process ${readPid(pidFile)} is already doing it`, {
      hint: "wait for it or stop it (Ctrl-C there loses nothing), then start again",
      cause: error,
    });
  }
  try {
    writeFileSync(pidFile, String(process.pid));
  } catch (error) {
    connection.close();
    throw new FatalError(`Cannot write ${pidFile}: ${fileProblem(error)}`, {
      hint: fileHint(error, "`dir` in the config has to be a folder that this user may write"),
      cause: error,
    });
  }
  holders.add(connection);
  const release = (): void => {
    holders.delete(connection);
    connection.close();
  };
  return { release, [Symbol.dispose]: release };
}

/** True while some process holds the stage's lock. Writes nothing: it is asked where nothing can be written, too. */
export function isLocked(dir: string, stage: string): boolean {
  const file = join(dir, "locks", `${stage}.lock`);
  if (!existsSync(file)) return false;
  try {
    const connection = new Database(file, { timeout: 0 });
    try {
      connection.exec("BEGIN EXCLUSIVE");
      return false;
    } finally {
      connection.close();
    }
  } catch (error) {
    if (isBusy(error)) return true;
    // A full or read-only disk: whoever held the lock could not work there either.
    if (error instanceof Database.SqliteError) return false;
    throw error;
  }
}

function connect(file: string, timeoutMs: number): Database.Database {
  try {
    return new Database(file, { timeout: timeoutMs });
  } catch (error) {
    throw databaseError(error, file);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
}

function readPid(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "(unknown)"; // The holder has locked but not yet written its pid.
  }
}
