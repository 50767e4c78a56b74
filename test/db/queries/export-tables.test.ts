import { describe, expect, test } from "vitest";
import { tableQueries } from "../../../src/db/queries/export-tables.ts";
import { openFixture } from "../../stages/export/fixture-database.ts";

describe("tableQueries()", () => {
  test("looks up what is asked for once a row by its own id, not among all images or rows", async () => {
    await using fixture = await openFixture();
    const { client } = fixture.db;
    client.exec(
      "create temp table plan_rows (row_id text primary key, split integer, place integer) without rowid; create temp table table_images (table_name text, id text, image_id text, primary key (table_name, id, image_id))",
    );
    const asked: string[] = [];
    const prepare = client.prepare.bind(client);
    client.prepare = ((sql: string) => {
      asked.push(sql);
      return prepare(sql);
    }) as typeof client.prepare; // It only looks on.
    tableQueries({ client }, { pairSet: "main", uriPrefix: null });
    const lookups = asked.filter((sql) => /json_each\(|preference_rejected/.test(sql));
    expect(lookups.length).toBeGreaterThanOrEqual(4);
    for (const sql of lookups) {
      const plan = prepare<[], { detail: string }>(`explain query plan ${sql.replaceAll(/[?]|@\w+/g, "'[]'")}`)
        .all()
        .map(({ detail }) => detail);
      expect(
        plan.filter((step) => /^SCAN (?!ids|q)|images_state|\(pair_set=\?\)$/.test(step)),
        sql,
      ).toEqual([]);
    }
  });
});
