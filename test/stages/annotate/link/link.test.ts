import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../../src/errors.ts";
import { rowIdOf } from "../../../../src/identity.ts";
import type { Judge } from "../../../../src/judges/judge.ts";
import { link } from "../../../../src/stages/annotate/link/link.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";
import { writtenLinks } from "./written-links.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map(imageId) as [string, string, string, string];

/** One prompt with four judged images, best first. */
function addGroup(dataset: TestDataset, promptKey: string, ids: readonly string[] = [a, b, c, d]): void {
  for (const [index, id] of ids.entries()) {
    dataset.addImage(id, { promptKey });
    dataset.addInspection(id);
    dataset.addScore(id, 1 - index / 10);
  }
}

/** All that linking writes, as one value. */
const written = ({ db }: TestDataset) => writtenLinks(db);
const rows = ({ db }: TestDataset) =>
  db.client
    .prepare(
      "select pair_set, criterion, chosen, group_concat(image_id, ' ') from preferences join preference_rejected using (place) group by place order by 1, 2, 3",
    )
    .raw()
    .all();

describe("link()", () => {
  it("writes rows with their losers, and reports what it did", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    const result = await link(dataset.context);
    expect(result).toEqual({
      groups: 1,
      pending: 0,
      unjudged: 0,
      voted: { overall: 0 },
      changed: 1,
      stopped: false,
      reports: [{ pairSet: "main", criterion: "overall", linked: { "judge:quality": 1 }, drops: {} }],
    });
    const rowId = rowIdOf("p_1", "overall", a, [b, c, d]);
    expect(
      dataset.db.client
        .prepare("select row_id, chosen, source, margin, agreement, n_votes, n_candidates, chosen_score from preferences")
        .raw()
        .all(),
    ).toEqual([[rowId, a, "judge:quality", 0.1, null, 0, 4, 1]]);
    expect(dataset.db.client.prepare("select rank, image_id, score from preference_rejected order by rank").raw().all()).toEqual([
      [0, b, 0.9],
      [1, c, 0.8],
      [2, d, 0.7],
    ]);
  });

  it("changes nothing the second time, and writes nothing", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    addGroup(dataset, "p_2", ["e"].map(imageId));
    await link(dataset.context);
    const before = written(dataset);
    const changes = dataset.db.client.prepare("select total_changes()").pluck();
    const count = changes.get();
    expect(await link(dataset.context)).toMatchObject({ changed: 0, groups: 2 });
    expect(changes.get()).toBe(count);
    expect(written(dataset)).toEqual(before);
  });

  it("links again under another policy, criterion or pair set, and leaves no old rows", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    await link(dataset.context);
    const first = written(dataset);
    await link(
      dataset.with({
        pairs: { strict: { policy: "best-worst" }, main: { policy: "adjacent", max_per_prompt: 9 } },
        criteria: ["overall", "style"],
      }),
    );
    // A judge was told of no criterion: its rows stand under the first alone.
    expect(rows(dataset).map((row) => (row as string[]).slice(0, 2).join(" "))).toEqual([
      ...Array<string>(3).fill("main overall"),
      "strict overall",
    ]);
    await link(dataset.context);
    expect(written(dataset)).toEqual(first);
  });

  it("links only final groups, and removes rows when candidates are added", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    await link(dataset.context);
    dataset.addJob("more", { promptKey: "p_1", state: "planned" });
    expect(await link(dataset.context)).toMatchObject({ groups: 0, pending: 1, changed: 1 });
    expect(written(dataset)).toEqual([[], [], []]);
    dataset.db.client.prepare("update jobs set state = 'failed', reason = 'oom' where job = 'more'").run();
    expect(await link(dataset.context)).toMatchObject({ groups: 1, pending: 0, changed: 1 });
    expect(rows(dataset)).toHaveLength(1);
  });

  it("follows votes, and counts the prompts that have any", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    addGroup(dataset, "p_2", ["e", "f"].map(imageId));
    dataset.addVote("v1", { promptKey: "p_1", shown: [a, b, c, d], ranking: [[d]] });
    dataset.addVote("v2", { promptKey: "p_2", shown: ["e", "f"].map(imageId), kind: "skip" });
    const result = await link(dataset.context);
    expect(result.voted).toEqual({ overall: 1 });
    expect(rows(dataset)).toEqual([["main", "overall", d, `${a} ${b} ${c}`]]);
    // The builtin judge is technical: beside votes it links nothing.
    expect(result.reports[0]).toMatchObject({ linked: { people: 1 }, drops: { prompt: { "no-verdict": 1 } } });
  });

  it("keeps criteria apart, but a flag applies to all", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    dataset.addVote("v1", { promptKey: "p_1", shown: [a, b], ranking: [[b]], criterion: "style", flags: { [c]: ["nsfw"] } });
    const result = await link(dataset.with({ criteria: ["overall", "style"] }));
    expect(rows(dataset)).toEqual([
      ["main", "overall", a, `${b} ${d}`],
      ["main", "style", b, a],
    ]);
    expect(result.reports.map(({ drops }) => drops["image"])).toEqual([{ flagged: 1 }, { flagged: 1, unscored: 1 }]);
  });

  it("lets judges decide under the first criterion only, and people under each", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    for (const [index, id] of [a, b, c, d].entries()) dataset.addScore(id, index, { judge: "pick" });
    const pick: Judge = { name: "pick", version: "1", technical: false, score: () => Promise.resolve([]) };
    const linkFrom = (...from: readonly string[]) =>
      link({ ...dataset.with({ criteria: ["overall", "text"], pairs: { main: { from } } }), judges: [pick] });
    // Under `text` there is nobody to decide: no prompt fails for want of a verdict.
    expect((await linkFrom("pick")).reports).toEqual([{ pairSet: "main", criterion: "overall", linked: { "judge:pick": 1 }, drops: {} }]);
    expect((await linkFrom("combined")).reports.map(({ criterion, linked }) => [criterion, linked])).toEqual([
      ["overall", expect.anything()],
    ]);
    dataset.addVote("v1", { promptKey: "p_1", shown: [a, b], ranking: [[b]], criterion: "text" });
    expect((await linkFrom("people", "pick")).reports.map(({ criterion, linked }) => [criterion, linked])).toEqual([
      ["overall", { "judge:pick": 1 }],
      ["text", { people: 1 }],
    ]);
    dataset.db.client.exec("delete from votes");
    expect(await linkFrom("people", "pick")).toMatchObject({ reports: [{ linked: { "judge:pick": 1 } }, { linked: {} }], changed: 1 });
    expect(rows(dataset)).toEqual([["main", "overall", d, `${c} ${b} ${a}`]]);
  });

  it("uses the scores of the configured version only", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    dataset.addScore(d, 99, { version: "0" });
    dataset.addScore(d, 99, { judge: "gone" });
    await link(dataset.context);
    expect(rows(dataset)).toEqual([["main", "overall", a, `${b} ${c} ${d}`]]);
  });

  it("drops excluded and undecodable images, and ignores inactive ones", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    dataset.db.client.prepare("update images set state = 'excluded' where image_id = ?").run(a);
    dataset.db.client.prepare("update inspections set pixel_sha256 = null, error = 'broken' where image_id = ?").run(b);
    dataset.addImage(imageId("e"), { promptKey: "p_1" });
    dataset.db.client.prepare("update jobs set inactive = 1 where job = ?").run(`job-${imageId("e")}`);
    const result = await link(dataset.context);
    expect(rows(dataset)).toEqual([["main", "overall", c, d]]);
    expect(result.reports[0]?.drops).toEqual({ image: { excluded: 1, undecodable: 1 } });
  });

  it("removes the rows of inactive prompts", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    await link(dataset.context);
    dataset.db.client.prepare("update prompts set active = 0").run();
    expect(await link(dataset.context)).toMatchObject({ groups: 0, pending: 0, changed: 1 });
    expect(written(dataset)).toEqual([[], [], []]);
  });

  it("reads more prompts than fit in a page", async () => {
    await using dataset = await openTestDataset();
    for (let index = 0; index < 250; index++) addGroup(dataset, `p_${index}`, [imageId(`${index}x`), imageId(`${index}y`)]);
    const { groups, reports } = await link(dataset.context);
    expect([groups, reports[0]?.linked]).toEqual([250, { "judge:quality": 250 }]);
  });

  it("refuses a source that is no judge", async () => {
    await using dataset = await openTestDataset();
    await expect(link(dataset.with({ pairs: { main: { from: ["people", "pikscore"] } } }))).rejects.toThrow(ConfigError);
  });

  it("stops when it is asked to, and reports it", async () => {
    await using dataset = await openTestDataset();
    addGroup(dataset, "p_1");
    expect(await link({ ...dataset.context, stopping: AbortSignal.abort() })).toMatchObject({ stopped: true, groups: 0 });
  });
});
