import { describe, expect, test, vi } from "vitest";
import { openExportSnapshot } from "../../../src/db/queries/export-rows.ts";
import { tableQueries } from "../../../src/db/queries/export-tables.ts";
import { openFixture } from "../../stages/export/fixture-database.ts";

describe("tableQueries()", () => {
  test("looks up what is asked for once a row by its own id, not among all images or rows", async () => {
    await using fixture = await openFixture();
    const snapshot = openExportSnapshot(fixture.db.file, { pairSet: "main", uriPrefix: null, withReferences: true });
    snapshot.sortPlan();
    const { client } = snapshot.view;
    const prepare = vi.spyOn(client, "prepare");
    tableQueries({ client }, snapshot.scope);
    const asked = prepare.mock.calls.map(([sql]) => sql);
    prepare.mockRestore();
    const lookups = asked.filter((sql) => /json_each\(|preference_rejected/.test(sql));
    expect(lookups.length).toBeGreaterThanOrEqual(4);
    for (const sql of lookups) {
      const plan = client
        .prepare<[], { detail: string }>(`explain query plan ${sql.replaceAll(/[?]|@\w+/g, "'[]'")}`)
        .all()
        .map(({ detail }) => detail);
      expect(
        plan.filter((step) => /^SCAN (?!ids|q)|images_state|\(pair_set=\?\)$/.test(step)),
        sql,
      ).toEqual([]);
    }
    snapshot.close();
  });
});
