import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDatabase, type Db } from "../../src/db/open.ts";
import { rememberEpoch } from "../../src/db/queries/jobs/epochs.ts";
import { openExportSnapshot } from "../../src/db/queries/export/export-snapshot.ts";
import { tableQueries } from "../../src/db/queries/export/export-tables.ts";

// Every statement under src/db/queries is prepared against a new database: one that names a column or table which is not there fails here,
// and not in the night that needs it first. A file in which some statement was not prepared fails, too: add a call of it below.

const QUERIES = join(import.meta.dirname, "../../src/db/queries");

let dir: string;
let db: Db;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "statements-"));
  db = openDatabase(join(dir, "a.db"));
  // Whether prompts are mixed is asked only where there are several epochs.
  const facts = { comfyui: "0.33.0", pytorch: "2", python: "3", device: "cpu", arguments: [] };
  for (const epoch of ["a", "b"]) rememberEpoch(db, epoch, { facts, nowMs: 0 });
});
afterAll(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

type Call = (...args: readonly unknown[]) => unknown;

const NOTHING = { reason: null, id: null, variant: null };
const NOBODY = { imageIds: null, prompt: null, variant: null, server: null, sinceMs: null, untilMs: null, reason: null };

/**
 * What functions, and methods of what they return, take after the database: one list for each call. All others are called without, which
 * is enough for those that prepare their statements first.
 */
const ARGUMENTS: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  choose: [[NOBODY, "both"]],
  compare: [[{ wanted: { prompts: 0, jobs: 0 }, all: { prompts: 0, jobs: 0 } }]],
  countReplaced: [[NOBODY]],
  dropShared: [[0, 1]],
  fetchAgain: [["i_x"]],
  linkedCounts: [["main"]],
  ownPromptIds: [[["x"]]],
  rememberPromptId: [[{ job: "x", sent: "x", given: "y" }]],
  retryImages: [[NOTHING]],
  retryJobs: [[NOTHING]],
  scoreHistogram: [[[{ judge: "x", version: "1" }]]],
  serverActivity: [["http://x", 0]],
  sheetQueries: [["main"]],
  unknownName: [[{ ...NOBODY, variant: "x" }], [{ ...NOBODY, server: "x" }]],
};

/** What works in the view of an export, whose temporary tables they need. */
const IN_SNAPSHOT = ["tableQueries", "linkedRows", "plannedRowQueries", "rejectedCursor", "exportBase"];

it("prepares every statement against a new database", async () => {
  const { sites, problems } = await prepareAll();
  expect(problems).toEqual([]);
  const written = new Map(files().map((file) => [file, countWritten(file)]));
  const prepared = new Map(files().map((file) => [file, sites.get(file)?.size ?? 0]));
  expect(Object.fromEntries(prepared)).toEqual(Object.fromEntries(written));
});

function files(): readonly string[] {
  const names = readdirSync(QUERIES, { recursive: true, encoding: "utf8" });
  return names.filter((file) => file.endsWith(".ts")).map((file) => file.replaceAll("\\", "/"));
}

/** Counts the places where a file prepares SQL. drizzle's prepare() takes none. */
function countWritten(file: string): number {
  return [...readFileSync(join(QUERIES, file), "utf8").matchAll(/\.prepare\b(?!\(\))/g)].length;
}

/** Calls all that is exported, and notes which places prepared a statement. What a call throws after that is not looked at. */
async function prepareAll() {
  const sites = new Map<string, Set<string>>();
  const problems: string[] = [];
  const watch = (original: Call) =>
    function prepare(this: unknown, sql: unknown) {
      const caller = new Error("place").stack?.split("\n")[2] ?? "";
      const [, file = "", place = ""] = /\/src\/db\/queries\/([^:?]+)[^:]*:(\d+:\d+)/.exec(caller) ?? [];
      sites.set(file, (sites.get(file) ?? new Set()).add(place));
      try {
        return original.call(this, sql);
      } catch (error) {
        if (file !== "") problems.push(`${file}:${place}: ${String(error)}`);
        throw error;
      }
    };
  // Connections of their own, and ours, which waits while others write.
  const all: { prepare: unknown } = Database.prototype;
  const ours: { prepare: unknown } = db.client;
  const [before, oursBefore] = [all.prepare as Call, ours.prepare as Call];
  all.prepare = watch(before);
  ours.prepare = watch(oursBefore);
  // Some functions take the connection itself.
  const given = Object.assign(db.client, { client: db.client, orm: db.orm, file: db.file });
  try {
    for (const file of files()) {
      const exported = (await import(join(QUERIES, file))) as Readonly<Record<string, unknown>>;
      for (const [name, value] of Object.entries(exported)) {
        if (typeof value === "function" && !IN_SNAPSHOT.includes(name)) callOne(name, value as Call, given);
      }
    }
    prepareExport();
  } finally {
    all.prepare = before;
    ours.prepare = oursBefore;
  }
  return { sites, problems };
}

function prepareExport(): void {
  const snapshot = openExportSnapshot(db.file, { pairSet: "main", uriPrefix: "", withReferences: true });
  try {
    callAll(tableQueries(snapshot.view, snapshot.scope));
    callAll({ ...snapshot, close: null });
    callAll(snapshot.base);
  } finally {
    snapshot.close();
  }
}

/** Calls a function, and what it returns functions in. Many lack their arguments: what that leaves unprepared is found by the count. */
function callOne(name: string, call: Call, given: unknown): void {
  for (const args of ARGUMENTS[name] ?? [[]]) {
    try {
      callAll(call(given, ...args));
    } catch {
      // Its statements are counted.
    }
  }
}

function callAll(result: unknown): void {
  if (typeof result !== "object" || result === null) return;
  for (const [name, value] of Object.entries(result)) {
    if (typeof value !== "function" || name === "begin") continue;
    for (const args of ARGUMENTS[name] ?? [[]]) {
      try {
        exhaust((value as Call)(...args));
      } catch {
        // Its statements are counted.
      }
    }
  }
}

/** A statement that is being iterated keeps the connection from others. */
function exhaust(result: unknown): void {
  if (typeof result === "object" && result !== null && Symbol.iterator in result) Array.from(result as Iterable<unknown>);
}
