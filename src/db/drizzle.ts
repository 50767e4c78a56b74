import { createRequire } from "node:module";

// drizzle-orm through require: its ESM entry costs 0.5 s and 200 MB at start, because Node 24's ESM loader reads drizzle's
// large package.json again for each of its modules (related: nodejs/node#59888). drizzle-kit compiles this file to CommonJS,
// where import.meta.url is undefined.
const require = createRequire(import.meta.url ?? `${process.cwd()}/drizzle.config.ts`);

const core = require("drizzle-orm") as typeof import("drizzle-orm");
const sqliteCore = require("drizzle-orm/sqlite-core") as typeof import("drizzle-orm/sqlite-core");
const driver = require("drizzle-orm/better-sqlite3") as typeof import("drizzle-orm/better-sqlite3");
const migrator = require("drizzle-orm/better-sqlite3/migrator") as typeof import("drizzle-orm/better-sqlite3/migrator");

export const { and, asc, desc, eq, exists, gt, inArray, isNotNull, isNull, ne, or, sql } = core;
export const { check, index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } = sqliteCore;
export const { drizzle } = driver;
export const { migrate } = migrator;
