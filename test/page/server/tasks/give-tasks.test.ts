import { afterEach, describe, expect, it } from "vitest";
import type { Task } from "../../../../src/page/api.ts";
import { LEASE_MS } from "../../../../src/page/server/tasks/give-tasks.ts";
import { openVotingPage, type VotingPage } from "../../../helpers/voting-page.ts";

let page: VotingPage;

async function open(people: object, prompts: number, images = 2): Promise<VotingPage> {
  page = await openVotingPage(people);
  for (let prompt = 0; prompt < prompts; prompt++) page.addPrompt(`x${prompt}`, images);
  await page.scan();
  return page;
}

afterEach(() => page[Symbol.asyncDispose]());

const best = (task: Task) => ({ kind: "best", best: task.images[0]!.slot }) as const;
const prompts = (tasks: readonly Task[]): readonly string[] => tasks.map(({ prompt }) => prompt).toSorted();

describe("createTaskGiver()", () => {
  it("gives two people different comparisons", async () => {
    await open({}, 4);
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const [first, second] = [ann.give(2).tasks, bo.give(9).tasks];
    expect(first).toHaveLength(2);
    expect(second).toHaveLength(2);
    expect(new Set(prompts([...first, ...second])).size).toBe(4);
    expect(page.person("cy").give(9).tasks).toEqual([]);
  });

  it("gives a comparison to as many people as `overlap` says, and to nobody twice", async () => {
    await open({ overlap: 2 }, 1);
    const [ann, bo, cy] = [page.person("ann"), page.person("bo"), page.person("cy")];
    expect(ann.give(5).tasks).toHaveLength(1);
    expect(bo.give(5).tasks).toHaveLength(1);
    expect(cy.give(5).tasks).toEqual([]);
  });

  it("gives an expired task to others, and still accepts a late answer", async () => {
    await open({}, 1);
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const late = ann.next();
    page.pass(LEASE_MS - 1);
    expect(bo.give().tasks).toEqual([]);
    page.pass(2);
    const task = bo.next();
    expect(ann.give(0, [late.task_id]).gone).toEqual([late.task_id]);
    expect(bo.vote(task, best(task)).kind).toBe("confirmed");
    expect(ann.vote(late, best(late)).kind).toBe("confirmed");
  });

  it("ignores leases made while the clock was wrong", async () => {
    const DAY_MS = 86_400_000;
    await open({}, 2);
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    page.pass(DAY_MS);
    const tasks = ann.give(2).tasks;
    expect(bo.give().tasks).toEqual([]);
    page.pass(-DAY_MS);
    expect(bo.give(2).tasks).toHaveLength(2);
    expect(ann.vote(tasks[0]!, best(tasks[0]!)).kind).toBe("confirmed");
    expect(ann.give(2).tasks).toEqual([]);
  });

  it("asks for as many votes as linking needs for a prompt", async () => {
    page = await openVotingPage({ task: "best" }, { pairs: { main: { min_votes: 2 } } });
    page.addPrompt("x", 3);
    await page.scan();
    const [ann, bo, cy] = [page.person("ann"), page.person("bo"), page.person("cy")];
    const [first, second] = [ann.next(), bo.next()];
    expect(cy.give().tasks).toEqual([]);
    ann.vote(first, best(first));
    expect(cy.give().tasks).toEqual([]); // Bo is at it.
    bo.vote(second, { kind: "tie" });
    expect(cy.give().tasks).toHaveLength(1); // Split.
  });

  it("renews the tasks that a browser holds", async () => {
    await open({}, 1);
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const task = ann.next();
    for (let round = 0; round < 3; round++) {
      page.pass(LEASE_MS - 1);
      expect(ann.give(0, [task.task_id])).toEqual({ tasks: [], gone: [] });
    }
    expect(bo.give().tasks).toEqual([]);
  });

  it("returns lost tasks to a browser, with the same order of images", async () => {
    await open({}, 3);
    const ann = page.person("ann");
    const before = ann.give(2).tasks;
    page.pass(1_000);
    const again = ann.give(2).tasks;
    expect(again.map(({ task_id, images }) => [task_id, images])).toEqual(before.map(({ task_id, images }) => [task_id, images]));
    expect(again[0]!.leased_until_ms).toBe(before[0]!.leased_until_ms + 1_000);
    expect(
      ann.give(
        9,
        before.map(({ task_id }) => task_id),
      ).tasks,
    ).toHaveLength(1);
  });

  it("gives a skipped comparison to somebody else, and never again to the same person", async () => {
    await open({}, 1);
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const task = ann.next();
    expect(ann.vote(task, { kind: "skip" }).kind).toBe("confirmed");
    expect(ann.give(5).tasks).toEqual([]);
    expect(prompts(bo.give(5).tasks)).toEqual(["a picture of p_x0"]);
  });

  it("asks about comparisons with few votes first, then about close scores", async () => {
    page = await openVotingPage({ overlap: 2 });
    page.addPrompt("clear", 2, [0.9, 0.1]);
    page.addPrompt("close", 2, [0.5, 0.49]);
    page.addPrompt("middle", 2, [0.6, 0.4]);
    await page.scan();
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const first = ann.next();
    expect(first.prompt).toBe("a picture of p_close");
    ann.vote(first, best(first));
    expect(bo.give(3).tasks.map(({ prompt }) => prompt.slice(-5))).toEqual(["iddle", "clear", "close"]);
  });

  it("reveals no image, model or seed, and shuffles positions", async () => {
    await open({ task: "best" }, 5, 4);
    expect(JSON.stringify(page.person("zoe").give(1).tasks)).not.toMatch(/i_[0-9a-f]|base|seed|\.png/);
    const isSpecial = [0.5, 0.5]; // Neither gold nor a repeat.
    const draws = [[0], [0.3, 0], [0.3, 0.4, 0], [0.3, 0.4, 0.6, 0]];
    const places = draws.map((draw, index) => {
      page.chance.splice(0, page.chance.length, ...isSpecial, ...draw);
      const { task_id: taskId } = page.person(`person ${index}`).next();
      const shown = page.dataset.db.client
        .prepare<[string], string>("select shown from assignments where task_id = ?")
        .pluck()
        .get(taskId)!;
      const ids = JSON.parse(shown) as string[];
      return ids.indexOf(ids.toSorted()[0]!);
    });
    expect(places).toEqual([0, 1, 2, 3]);
  });

  it("stops asking about an image that is gone", async () => {
    await open({}, 2);
    page.dataset.db.client.prepare("update images set state = 'excluded', reason = 'user' where prompt_key = 'p_x0'").run();
    expect(prompts(page.person("ann").give(5).tasks)).toEqual(["a picture of p_x1"]);
    expect(page.dataset.db.client.prepare("select state from comparisons where prompt_key = 'p_x0'").pluck().get()).toBe("void");
  });

  it("reports a task as gone whose image was excluded while somebody had it", async () => {
    await open({}, 2);
    const ann = page.person("ann");
    const [first, second] = ann.give(2).tasks;
    const held = [first!.task_id, second!.task_id];
    const shownOf = page.dataset.db.client.prepare<[string], string>("select shown from assignments where task_id = ?").pluck();
    const [imageId] = JSON.parse(shownOf.get(held[0]!) ?? "[]") as string[];
    page.dataset.db.client.prepare("update images set state = 'excluded' where image_id = ?").run(imageId);
    expect(ann.give(0, held).gone).toEqual([held[0]]);
    expect(ann.vote(first!, best(first!)).kind).toBe("confirmed"); // Nobody's choice is refused for it.
  });

  it("holds no more than 20 tasks for one person", async () => {
    await open({}, 40);
    const ann = page.person("ann");
    const held = [...ann.give(10).tasks];
    held.push(
      ...ann.give(
        10,
        held.map(({ task_id }) => task_id),
      ).tasks,
    );
    expect(held).toHaveLength(20);
    expect(
      ann.give(
        10,
        held.map(({ task_id }) => task_id),
      ).tasks,
    ).toEqual([]);
  });

  it("repeats some tasks that a person answered, some time later", async () => {
    await open({ repeat_rate: 1 }, 60);
    const ann = page.person("ann");
    const seen = new Map<string, number>();
    const pauses: number[] = [];
    for (let vote = 0; vote < 50; vote++) {
      const task = ann.next();
      const before = seen.get(task.prompt);
      if (before !== undefined) pauses.push(vote - before);
      seen.set(task.prompt, vote);
      ann.vote(task, best(task));
    }
    expect(pauses.length).toBeGreaterThan(0);
    expect(Math.min(...pauses)).toBeGreaterThan(20);
    expect(seen.size).toBe(50 - pauses.length);
    const counted = page.dataset.db.client.prepare("select count(*) from counted_votes").pluck().get();
    expect(counted).toBe(seen.size);
  });
});
