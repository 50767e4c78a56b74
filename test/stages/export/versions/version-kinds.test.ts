import { describe, expect, test } from "vitest";
import { findNewest } from "../../../../src/commands/verify/find-newest.ts";
import * as tables from "../../../../src/db/schema/tables.ts";
import { decideKind } from "../../../../src/stages/export/versions/versions.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { openFixture, type Fixture } from "../fixture-database.ts";

const latestOf = async (fixture: Fixture): Promise<string | null> => (await fixture.files()).get("LATEST")?.toString() ?? null;
const kindIn = async (fixture: Fixture, version: string): Promise<unknown> =>
  (JSON.parse(String((await fixture.files()).get(`${version}/manifest.json`))) as { kind?: string }).kind;

/** Says whether --prompts leaves prompts out that the configuration asks for. */
function plan(fixture: Fixture, { cut }: { readonly cut: boolean }): void {
  fixture.db.orm
    .update(tables.dataset)
    .set({ planPartial: cut ? 1 : 0 })
    .run();
}

/** What `verify` says of LATEST. */
async function latestProblems(fixture: Fixture): Promise<{ readonly newest: string | null; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const newest = await findNewest({
    store: fileStore(`file://${fixture.exportDir}`),
    db: fixture.db,
    signal: new AbortController().signal,
    report: (where, problem) => void problems.push(`${where} ${problem}`),
  });
  return { newest, problems };
}

describe("a version", () => {
  test("of fewer prompts than the configuration asks for is a trial, under whatever name, and LATEST does not name it", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    plan(fixture, { cut: true });
    expect(await fixture.export({}, { complete: false })).toMatchObject({ outcome: "created", version: "v1", kind: "trial" });
    expect(await fixture.export({ gzip: true }, { complete: false, as: "final" })).toMatchObject({ outcome: "created", kind: "trial" });
    expect([await kindIn(fixture, "v1"), await kindIn(fixture, "final"), await latestOf(fixture)]).toEqual(["trial", "trial", null]);
    expect(await latestProblems(fixture)).toEqual({ newest: "final", problems: [] });

    plan(fixture, { cut: false });
    fixture.addRow({ prompt: "a dog" });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v2", kind: "whole" });
    expect([await kindIn(fixture, "v2"), await latestOf(fixture)]).toEqual(["whole", "v2\n"]);
  });

  test("is found again whatever was exported between, and LATEST stays", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    const dog = fixture.addRow({ prompt: "a dog" });
    expect(await fixture.export({}, { since: "v1" })).toMatchObject({ outcome: "created", version: "v2", kind: "part" });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v3", kind: "whole" });
    plan(fixture, { cut: true });
    expect(await fixture.export({}, { complete: false })).toMatchObject({ outcome: "created", version: "v4", kind: "trial" });
    plan(fixture, { cut: false });
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "v3" });
    expect(await fixture.export({}, { since: "v1" })).toMatchObject({ outcome: "unchanged", version: "v2" });
    expect(await latestOf(fixture)).toBe("v3\n");
    expect(await latestProblems(fixture)).toEqual({ newest: "v3", problems: [] });
    expect(await kindIn(fixture, "v2")).toBe("part");

    // The dataset is again what it was.
    fixture.db.client.prepare("delete from preferences where row_id = ?").run(dog.rowId);
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "v1" });
    expect(await latestOf(fixture)).toBe("v1\n");
    expect(await latestProblems(fixture)).toEqual({ newest: "v1", problems: [] });
  });

  test("that is whole is told where LATEST names an older one, or a trial", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    fixture.addRow({ prompt: "a dog" });
    await fixture.export();
    plan(fixture, { cut: true });
    await fixture.export({}, { complete: false });
    const store = fileStore(`file://${fixture.exportDir}`);
    const put = (text: string) => store.put("LATEST", Buffer.from(text), text.length, { contentType: "text/plain" });
    await put("v1\n");
    expect(await latestProblems(fixture)).toEqual({
      newest: "v1",
      problems: ["LATEST names v1, and v2 is newer: export writes LATEST again"],
    });
    await put("v3\n");
    expect((await latestProblems(fixture)).problems).toEqual([
      "LATEST names v3, which is a trial: the next whole export writes LATEST again",
    ]);
    await store.delete("LATEST");
    expect(await latestProblems(fixture)).toEqual({ newest: "v2", problems: [expect.stringContaining("LATEST is missing")] });
  });
});

describe("decideKind a manifest of an earlier program", () => {
  const counts = { rows: 3, prompts: 2, images: 6, splits: {} };
  const whole = { kind: null, complete: true, counts, drops: {} };

  test.each([
    ["complete", whole, "whole"],
    ["built on another version", { ...whole, since: { version: "v1", manifestSha256: "" } }, "part"],
    ["not complete, of two of five prompts", { ...whole, complete: false }, "trial"],
    ["not complete, of every prompt", { ...whole, complete: false, drops: { prompt: { "no-verdict": 2, tie: 1 } } }, "whole"],
    ["one that says it", { ...whole, kind: "trial" as const }, "trial"],
  ])("%s", (_what, manifest, kind) => {
    expect(decideKind(manifest, { prompts: 5 })).toBe(kind);
  });
});
