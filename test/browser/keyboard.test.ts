import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAnnotator } from "./annotator.ts";
import { hasChromium, openBrowser } from "./open-browser.ts";
import { openSite, type Site } from "./site.ts";

// Whole sessions without a mouse: every key, every kind of task.

const HTML_PROMPT = "<img src=x onerror=alert(1)><b>bold</b>";
const PROMPTS = ["a red fox in the snow", HTML_PROMPT, "two cups of tea", "a map of an island", "a tram", "a heron"];

interface VoteColumns {
  readonly kind: string;
  readonly shown: readonly string[];
  readonly ranking: readonly (readonly string[])[];
}

/** Returns the votes in the database, in the order in which they arrived. */
function votesOf({ project }: Site): readonly VoteColumns[] {
  return project
    .column(
      "select json_object('kind', kind, 'shown', json(shown), 'ranking', json(ranking)) from votes join page_votes using (vote_id) order by page_votes.rowid",
    )
    .map((text) => JSON.parse(String(text)) as VoteColumns); // As selected.
}

describe.runIf(hasChromium)("the page by keyboard", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  it("works from the first image to the last with every key", async () => {
    await using site = await openSite({ prompts: PROMPTS, perPrompt: 3, people: { task: "best" } });
    await site.serve();
    await using ann = await newAnnotator(browser);
    const { page } = ann;
    const key = (name: string): Promise<void> => page.keyboard.press(name);
    await ann.open(await site.invite("ann"));
    expect(page.url()).not.toContain("join");

    await key("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await key("1"); // No key chooses behind a dialog.
    await key("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await key("g");
    await page.getByRole("dialog", { name: "Guidelines" }).waitFor();
    await key("g");
    await page.getByRole("dialog").waitFor({ state: "detached" });

    const zoomed = page.locator(".stage:not(.waiting) .frame.zoomed");
    await key("Space");
    await expect.poll(() => zoomed.count()).toBe(3);
    await key("+");
    await key("ArrowLeft");
    const transforms = await zoomed
      .locator("img:first-child")
      .evaluateAll((images) => images.map((each) => getComputedStyle(each).transform));
    expect(new Set(transforms).size, "all images show the same place").toBe(1);
    const originals = zoomed.locator('img[src*="/"]:last-child');
    await expect
      .poll(() => originals.evaluateAll((images: HTMLImageElement[]) => images.map((each) => each.naturalWidth)))
      .toEqual([64, 64, 64]);
    await key("Space");
    await expect.poll(() => zoomed.count()).toBe(0);

    const flagged = await ann.task();
    await key("f");
    await page.getByRole("dialog", { name: "Flags" }).waitFor();
    for (const name of ["2", "n", "t", "t", "c"]) await key(name);
    await key("f");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const prompts = new Set<string | null>();
    const readPrompt = async (): Promise<void> => void prompts.add(await page.getByRole("region", { name: "Prompt" }).textContent());
    await readPrompt();
    expect(await ann.answer("1")).toBe(flagged);
    for (const name of ["t", "b", "s"]) {
      await readPrompt();
      await ann.answer(name);
    }

    // With Tab and Enter, as with a screen reader: the focus stays at the same image in the next task.
    const second = page.getByRole("button", { name: "Choose image 2" });
    while (!(await second.evaluate((button) => button === document.activeElement))) await key("Tab");
    await readPrompt();
    await ann.answer("Enter");
    await readPrompt();
    expect(await second.evaluate((button) => button === document.activeElement)).toBe(true);
    await key("Enter");
    await ann.heading().getByText("Nothing left to do").waitFor();
    await ann.saved();

    expect(prompts, "a prompt is text, whatever it holds").toEqual(new Set(PROMPTS));
    const votes = votesOf(site);
    expect(votes.map(({ kind }) => kind)).toEqual(["choice", "tie", "both_bad", "skip", "choice", "choice"]);
    const places = votes.flatMap(({ kind, shown, ranking }) => (kind === "choice" ? [shown.indexOf(ranking[0]?.[0] ?? "")] : []));
    expect(places).toEqual([0, 1, 1]);
    expect(site.project.column("select value from votes, json_each(flags)")).toEqual(['["corrupt","nsfw"]']);
    expect(site.project.count("select count(*) from votes where source = 'page' and annotator = 'ann' and duration_ms > 0")).toBe(6);
    expect(ann.problems).toEqual([]);
  });

  it("handles a key right after Escape closed a dialog", async () => {
    await using site = await openSite({ prompts: ["a red fox"], perPrompt: 3, people: { task: "best" } });
    await site.serve();
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("ann"));
    await ann.page.keyboard.press("?");
    await ann.page.getByRole("dialog", { name: "Keys" }).waitFor();
    // Escape closes the dialog at once, but the event and the change of focus come later. This key comes before both.
    const focused = await ann.page.evaluate(() => {
      const inside = document.activeElement;
      document.querySelector("dialog")?.close();
      inside?.dispatchEvent(new KeyboardEvent("keydown", { key: "g", code: "KeyG", bubbles: true }));
      return inside?.closest("dialog") !== null;
    });
    expect(focused).toBe(true);
    await ann.page.getByRole("dialog", { name: "Guidelines" }).waitFor({ timeout: 5_000 });
    expect(ann.problems).toEqual([]);
  });

  describe("with every kind of task", () => {
    let site: Site;
    beforeAll(async () => {
      site = await openSite({ prompts: ["a red fox"], perPrompt: 4 });
    });
    afterAll(() => site?.[Symbol.asyncDispose]());

    it.each([
      { task: "pair", keys: ["2"], ranking: [[1]] },
      { task: "best-worst", keys: ["3", "1"], ranking: [[2], [1, 3], [0]] },
      { task: "rank", keys: ["4", "2", "t", "1", "3"], ranking: [[3], [1, 0], [2]] },
    ])("takes the answer to $task", async ({ task, keys, ranking }) => {
      site.ask({ task, overlap: 3 });
      await site.serve();
      await using person = await newAnnotator(browser);
      await person.open(await site.invite(`of-${task}`));
      // Z first clears the picks, then undoes votes.
      if (keys.length > 1) for (const key of ["1", "z"]) await person.page.keyboard.press(key);
      await person.toNext(async () => {
        for (const key of keys) await person.page.keyboard.press(key);
      });
      await person.saved();
      const vote = votesOf(site).at(-1);
      const places = vote?.ranking.map((tier) => tier.map((imageId) => vote.shown.indexOf(imageId)));
      // Tied images have no order.
      expect(places?.map((tier) => new Set(tier))).toEqual(ranking.map((tier) => new Set(tier)));
      await site.kill();
    });
  });
});
