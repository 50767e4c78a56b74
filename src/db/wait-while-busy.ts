import Database from "better-sqlite3";
import type { Log } from "../lib/log.ts";

/** Time that a process waits for another program to release the database, ms: somebody went to lunch with a database browser open. */
const WAIT_MAX_MS = 3_600_000;

interface BusyWait {
  readonly file: string;
  readonly log: Pick<Log, "info"> | undefined;
  /** @default an hour */
  readonly maxMs?: number;
}

/**
 * Has every statement of a connection wait while another program holds the database's write lock, instead of failing after the connection's
 * own timeout: a database browser with a change that nobody wrote would end a night. It says for what it waits, and how long. The process
 * does nothing else meanwhile. Only what changed nothing is tried again: a statement, or the beginning of a transaction.
 * @throws SQLite's SQLITE_BUSY after `maxMs`.
 */
export function waitWhileBusy(client: Database.Database, { file, log, maxMs = WAIT_MAX_MS }: BusyWait): void {
  function patiently<Result>(work: () => Result, mayRepeat: () => boolean): Result {
    const startMs = performance.now();
    let tellAfterMs = 0;
    for (;;) {
      try {
        const result = work();
        if (tellAfterMs > 0) log?.info(`The database ${file} is free again, after ${secondsSince(startMs)} s`);
        return result;
      } catch (error) {
        // SQLITE_BUSY_SNAPSHOT and the like mean that a whole transaction has to be done anew.
        const isBusy = error instanceof Database.SqliteError && error.code === "SQLITE_BUSY";
        if (!isBusy || !mayRepeat() || performance.now() - startMs >= maxMs) throw error;
        if (performance.now() - startMs < tellAfterMs) continue;
        tellAfterMs = 2 * (performance.now() - startMs);
        log?.info(
          `Waiting for the database ${file}, for ${secondsSince(startMs)} s now: another program is writing to it, or holds its write lock. A database browser with changes that are not saved does: save or revert them there, or close it`,
        );
      }
    }
  }
  const always = (): boolean => true;

  const prepare = client.prepare.bind(client);
  const exec = client.exec.bind(client);
  const transaction = client.transaction.bind(client);

  function patientStatement(sql: string): Database.Statement {
    const statement = prepare(sql);
    const [run, get, all] = [statement.run.bind(statement), statement.get.bind(statement), statement.all.bind(statement)];
    statement.run = (...values) => patiently(() => run(...values), always);
    statement.get = (...values) => patiently(() => get(...values), always);
    statement.all = (...values) => patiently(() => all(...values), always);
    return statement;
  }

  /** Until its work has begun, nothing of a transaction has happened. */
  function patientTransaction(work: (...values: unknown[]) => unknown) {
    let hasBegun = false;
    const inner = transaction((...values: unknown[]) => {
      hasBegun = true;
      return work(...values);
    });
    const begin =
      (manner: (...values: unknown[]) => unknown) =>
      (...values: unknown[]): unknown => {
        hasBegun = false;
        return patiently(
          () => manner(...values),
          () => !hasBegun,
        );
      };
    return Object.assign(begin(inner), {
      default: begin((...values) => inner.default(...values)),
      deferred: begin((...values) => inner.deferred(...values)),
      immediate: begin((...values) => inner.immediate(...values)),
      exclusive: begin((...values) => inner.exclusive(...values)),
    });
  }

  // better-sqlite3's types follow neither a statement's nor a transaction's parameters through a wrapper.
  Object.assign(client, {
    prepare: patientStatement,
    exec: (sql: string) =>
      patiently(
        () => exec(sql),
        () => !client.inTransaction,
      ),
    transaction: patientTransaction,
  });
}

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1_000);
}
