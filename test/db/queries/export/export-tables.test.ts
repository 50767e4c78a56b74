import { describe, expect, test, vi } from "vitest";
import { openExportSnapshot } from "../../../../src/db/queries/export/export-snapshot.ts";
import { tableQueries } from "../../../../src/db/queries/export/export-tables.ts";
import { openFixture } from "../../../stages/export/fixture-database.ts";

describe("tableQueries()", () => {
  test("looks up what is asked for once a row by its own id, not among all images or rows", async () => {
    await using fixture = await openFixture();
    const snapshot = openExportSnapshot(fixture.db.file, { pairSet: "main", uriPrefix: "s3://bucket/prefix/", withReferences: true });
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
        plan.filter((step) => /^SCAN (?!ids|q|CONSTANT ROW|\(subquery)|images_state|\(pair_set=\?\)$/.test(step)),
        sql,
      ).toEqual([]);
    }
    snapshot.close();
  });

  test("weighs rows by the files of their pairs, in the order in which they are asked for", async () => {
    await using fixture = await openFixture();
    const one = fixture.addRow({ prompt: "one", scores: [0.9, 0.5] });
    const three = fixture.addRow({ prompt: "three", scores: [0.9, 0.5, 0.25] });
    const { client } = fixture.db;
    const weigh = client.prepare("update images set bytes = ? where image_id = ?");
    for (const [index, imageId] of [...one.imageIds, ...three.imageIds].entries()) weigh.run(10 ** index, imageId);
    const snapshot = openExportSnapshot(fixture.db.file, { pairSet: "main", uriPrefix: "s3://bucket/prefix/", withReferences: true });
    for (const { place, rowId } of snapshot.linkedRows()) snapshot.plan([{ place, rowId, split: 0, fills: 0 }]);
    snapshot.sortPlan();
    const { readPairBytes } = tableQueries({ client: snapshot.view.client }, snapshot.scope);
    // The chosen counts once for each pair.
    for (const [ids, sizes] of [
      [
        [three.rowId, one.rowId],
        [11_200, 11],
      ],
      [
        [one.rowId, three.rowId],
        [11, 11_200],
      ],
      [[], []],
    ] as const)
      expect(readPairBytes(ids)).toEqual(sizes);
    snapshot.close();
  });
});
