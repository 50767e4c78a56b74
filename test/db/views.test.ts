import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDatabase } from "../../src/db/open.ts";

const VIEWS = join(import.meta.dirname, "../../src/db/views");

it("writes down every view as the migrations make it", () => {
  const db = openDatabase(":memory:");
  const made = db.client.prepare<[], { name: string; sql: string }>(`select name, sql from sqlite_schema where type = 'view'`).all();
  db.close();
  const written = readdirSync(VIEWS).map((file): [string, string] => {
    const text = readFileSync(join(VIEWS, file), "utf8");
    return [file.replace(/\.sql$/, ""), text.replaceAll(/^--.*\n/gm, "").replace(/;\s*$/, "")];
  });
  expect(Object.fromEntries(written)).toEqual(Object.fromEntries(made.map(({ name, sql }) => [name, sql])));
});
