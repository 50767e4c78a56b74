import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAnnotator } from "./annotator.ts";
import { hasChromium, openBrowser } from "./open-browser.ts";
import { openSite, type Site } from "./site.ts";

// No vote is lost or counted twice, whatever fails in the middle.

const PROMPTS = Array.from({ length: 12 }, (_, index) => `a heron, take ${index}`);

/** Counts a person's votes, undone votes, and tasks with more than one vote that is not undone. */
function counts({ project }: Site, annotator: string): { readonly standing: number; readonly undone: number; readonly doubled: number } {
  const votes = `from page_votes join votes using (vote_id) where annotator = '${annotator}' and undone_at_ms`;
  return {
    standing: project.count(`select count(*) ${votes} is null`),
    undone: project.count(`select count(*) ${votes} is not null`),
    doubled: project.count(`select count(*) from (select 1 ${votes} is null group by task_id having count(*) > 1)`),
  };
}

describe.runIf(hasChromium)("the page in trouble", () => {
  let browser: Browser;
  let site: Site;
  beforeAll(async () => {
    browser = await openBrowser();
    // Everybody is asked about everything: each test has its own person.
    site = await openSite({ prompts: PROMPTS, perPrompt: 2, people: { overlap: 10, max_votes: 10 } });
    await site.serve();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  it("undoes any number of votes, across a reload", async () => {
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("ann"));
    const answered: string[] = [];
    for (const key of ["1", "2", "t", "1"]) answered.push(await ann.answer(key));
    await ann.toNext(() => ann.page.keyboard.press("z"));
    expect(await ann.task()).toBe(answered[3]);
    await ann.saved();

    await ann.open(new URL("/", ann.page.url()).href);
    expect(await ann.task(), "what was taken back comes first").toBe(answered[3]);
    for (const before of [answered[2], answered[1], answered[0]]) {
      await ann.toNext(() => ann.page.keyboard.press("z"));
      expect(await ann.task()).toBe(before);
    }
    await ann.page.getByText("chosen before").waitFor();
    await ann.page.keyboard.press("z");
    await ann.page.getByText("Nothing to undo").waitFor();
    await ann.saved();
    expect(counts(site, "ann")).toEqual({ standing: 0, undone: 4, doubled: 0 });

    const again: string[] = [];
    for (let index = 0; index < 4; index++) again.push(await ann.answer("2"));
    expect(again).toEqual(answered);
    await ann.saved();
    expect(counts(site, "ann")).toEqual({ standing: 4, undone: 4, doubled: 0 });
    expect(site.project.count("select count(*) from counted_votes where annotator = 'ann'"), "linking sees the new votes alone").toBe(4);
    expect(ann.problems).toEqual([]);
  });

  it("continues offline, shows how many votes wait, and sends them when the connection is back", async () => {
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("bo"));
    await ann.answer("1");
    await ann.saved();
    await ann.loadedAhead();
    await ann.page.context().setOffline(true);
    await ann.page.getByText("Offline · all saved").waitFor();
    for (const key of ["1", "2", "1"]) await ann.answer(key);
    await ann.toNext(() => ann.page.keyboard.press("z"));
    await ann.page.getByText("Offline · 4 waiting, stored in this browser").waitFor();
    expect(counts(site, "bo")).toEqual({ standing: 1, undone: 0, doubled: 0 });
    await ann.page.context().setOffline(false);
    await ann.saved();
    expect(counts(site, "bo")).toEqual({ standing: 3, undone: 1, doubled: 0 });
    expect(ann.problems).toEqual([]);
  });

  it("keeps votes while the server is killed and the browser is closed before it is back", async () => {
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("cy"));
    const home = new URL("/", ann.page.url()).href;
    for (const key of ["1", "2"]) await ann.answer(key);
    await ann.saved(); // Else these may be among those that wait.
    await ann.loadedAhead();
    await site.kill();
    for (const key of ["1", "t"]) await ann.answer(key);
    await ann.page.getByText("Offline · 2 waiting").waitFor();
    await site.serve();
    await ann.saved();
    expect(counts(site, "cy")).toEqual({ standing: 4, undone: 0, doubled: 0 });

    await ann.loadedAhead();
    await site.kill();
    await ann.answer("2");
    await ann.page.getByText("Offline · 1 waiting").waitFor();
    // The server is not needed to undo votes of this page. Older votes wait for it.
    await ann.toNext(() => ann.page.keyboard.press("z"));
    await ann.answer("2");
    await ann.page.getByText("Offline · 3 waiting").waitFor();
    await ann.page.goto("about:blank");
    await site.serve();
    await ann.open(home);
    await ann.saved();
    expect(counts(site, "cy")).toEqual({ standing: 5, undone: 1, doubled: 0 });
    // Unsent votes can be undone, too.
    await ann.toNext(() => ann.page.keyboard.press("z"));
    await ann.saved();
    expect(counts(site, "cy")).toEqual({ standing: 4, undone: 2, doubled: 0 });
    for (let heading = 0; heading === 0; heading = await ann.heading().count()) await ann.answer("1");
    await ann.heading().getByText("Nothing left to do").waitFor();
    await ann.saved();
    expect(counts(site, "cy")).toEqual({ standing: PROMPTS.length, undone: 2, doubled: 0 });
  });

  it("keeps the votes of a revoked link, and sends them with the new one", async () => {
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("di"));
    await ann.answer("1");
    await ann.saved();
    await site.succeed("annotate", "revoke", "di");
    await ann.page.keyboard.press("2");
    await ann.heading().getByText("Your link is no longer valid").waitFor();
    await ann.page.getByText("once you open the new link: 1.").waitFor();
    expect(counts(site, "di").standing).toBe(1);
    await ann.open(await site.invite("di"));
    await ann.saved();
    expect(counts(site, "di").standing).toBe(2);
  });

  it("lets one tab of a person work at a time", async () => {
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("ed"));
    const task = await ann.task();
    const second = await ann.page.context().newPage();
    await second.goto(ann.page.url());
    await second.getByRole("heading", { name: "Open in another tab" }).waitFor();
    await ann.page.close();
    const stage = second.locator('.stage:not(.waiting)[data-ready="true"]');
    await stage.waitFor();
    expect(await stage.getAttribute("data-task")).toBe(task);
  });

  it("keeps the votes of two people in one browser apart", async () => {
    await using fay = await newAnnotator(browser);
    const link = await site.invite("fay");
    await fay.open(link);
    const task = await fay.task();
    await fay.page.route("**/api/votes", (route) => route.abort());
    await fay.answer("1");
    await fay.page.getByText("Offline · 1 waiting").waitFor();

    const second = await fay.page.context().newPage();
    const reloaded = fay.page.waitForEvent("framenavigated");
    await second.goto(await site.invite("gil"));
    await second.locator('.stage:not(.waiting)[data-ready="true"]').waitFor();
    await reloaded;
    await fay.page.getByRole("heading", { name: "Open in another tab" }).waitFor();
    expect(counts(site, "gil").standing + counts(site, "fay").standing).toBe(0);

    await second.close();
    await fay.page.unroute("**/api/votes");
    await fay.open(link);
    await fay.saved();
    expect(site.project.column("select annotator from page_votes join votes using (vote_id) where task_id = '" + task + "'")).toEqual([
      "fay",
    ]);
    expect(counts(site, "gil").standing).toBe(0);
  });

  it("never shows two people the same pair", async () => {
    await using other = await openSite({ prompts: PROMPTS, perPrompt: 2 });
    await other.serve();
    await using ann = await newAnnotator(browser);
    await using bo = await newAnnotator(browser);
    await Promise.all([ann.open(await other.invite("ann")), bo.open(await other.invite("bo"))]);
    const work = async (person: typeof ann): Promise<void> => {
      for (let heading = 0; heading === 0; heading = await person.heading().count()) await person.answer("1");
      await person.saved();
    };
    await Promise.all([work(ann), work(bo)]);
    expect(other.project.count("select count(*) from page_votes")).toBe(PROMPTS.length);
    expect(other.project.count("select count(distinct comparison) from page_votes")).toBe(PROMPTS.length);
    expect(other.project.count("select count(distinct annotator_id) from page_votes")).toBe(2);
  });
});
