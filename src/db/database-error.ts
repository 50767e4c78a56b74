import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { FatalError } from "../errors.ts";
import { errnoOf, fileHint, fileProblem } from "../lib/files/file-problem.ts";

/** SQLite says "unable to open" and not why: the limit of open files shows at the next one. Null where it is not that. */
function openFilesProblem(file: string): unknown {
  try {
    closeSync(openSync(dirname(file), "r"));
  } catch (error) {
    return ["EMFILE", "ENFILE"].includes(errnoOf(error) ?? "") ? error : null;
  }
  return null;
}

/** Turns SQLite's error for a file that it cannot open into one that says what to try. Returns other errors unchanged. */
export function databaseError(error: unknown, file: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (error.code === "SQLITE_NOTADB" || error.code.startsWith("SQLITE_CORRUPT")) {
    return new FatalError(`Cannot open the database ${file}: it is not an SQLite database, or it is damaged (${error.message})`, {
      hint: "put a backup of it there, or check `dir` in the config",
      cause: error,
    });
  }
  if (!/^SQLITE_(?:CANTOPEN|READONLY|PERM|FULL|IOERR)/.test(error.code)) return error;
  const limit = openFilesProblem(file);
  if (limit !== null) {
    return new FatalError(`Cannot open the database ${file}: ${fileProblem(limit)}`, { hint: fileHint(limit, ""), cause: error });
  }
  return new FatalError(`Cannot open the database ${file}: ${error.message}`, {
    hint: "it has to be a file that this user may write, on a disk with free space; or check `dir` in the config",
    cause: error,
  });
}

/** True for what a database says when the machine is at fault, or another process too busy: the same may work later. */
export function isDatabaseTrouble(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(?:BUSY|FULL|IOERR|READONLY|CANTOPEN)/.test(error.code);
}
