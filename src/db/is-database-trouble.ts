import Database from "better-sqlite3";

/** True for what a database says when the machine is at fault, or another process too busy: the same may work later. */
export function isDatabaseTrouble(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(?:BUSY|FULL|IOERR|READONLY|CANTOPEN)/.test(error.code);
}
