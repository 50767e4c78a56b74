import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAnnotator } from "./annotator.ts";
import { hasChromium, openBrowser } from "./open-browser.ts";
import { openSite } from "./site.ts";

/** Four people, each on 252 comparisons: 63 prompts of 4 images, each image in a pair in 2 rounds. */
const PROMPTS = Array.from({ length: 63 }, (_, index) => `a tram, take ${index}`);
const PEOPLE = ["ann", "bo", "cy", "di"];
const VOTES = 63 * 4 * PEOPLE.length;
/** Tasks whose images are loaded ahead. */
const AHEAD = 3;
/** Limit from a choice until the next images are drawn, ms. Source: "Never waiting" of the page's specification. */
const NEXT_MAX_MS = 100;

/**
 * Answers everything as fast as the page allows, with real key events inside the page. Every tenth vote is undone and cast again. Returns
 * how many were.
 */
function answerAll(page: Page, keys: string): Promise<number> {
  return page.evaluate(async (pressed) => {
    const shown = (): string | null => {
      const isOver = document.querySelector("main.message") !== null;
      return isOver ? "over" : (document.querySelector<HTMLElement>('.stage:not(.waiting)[data-ready="true"]')?.dataset["task"] ?? null);
    };
    const press = async (key: string): Promise<void> => {
      const before = shown();
      dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      while (shown() === null || shown() === before) await new Promise(requestAnimationFrame);
    };
    let undone = 0;
    for (let index = 1; shown() !== "over"; index++) {
      await press(pressed.charAt(index % pressed.length));
      if (index % 10 !== 0 || shown() === "over") continue;
      await press("z");
      await press("1");
      undone++;
    }
    return undone;
  }, keys);
}

describe.runIf(hasChromium)("a thousand votes", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  it("are cast by four people at once: none lost, none counted twice", async () => {
    await using site = await openSite({ prompts: PROMPTS, perPrompt: 4, people: { task: "pair", overlap: PEOPLE.length } });
    await site.serve();
    await using closing = new AsyncDisposableStack();
    const people = await Promise.all(
      PEOPLE.map(async (name) => {
        const person = closing.use(await newAnnotator(browser));
        await person.open(await site.invite(name));
        return person;
      }),
    );
    const undone = await Promise.all(
      people.map(async ({ page, heading, saved }) => {
        const times = await answerAll(page, "121t");
        await heading().getByText("Nothing left to do").waitFor();
        await saved();
        return times;
      }),
    );

    const { project } = site;
    const standing = "from page_votes where undone_at_ms is null";
    expect(project.count(`select count(*) ${standing}`)).toBe(VOTES);
    expect(project.count(`select count(*) from (select distinct comparison, annotator_id ${standing})`)).toBe(VOTES);
    expect(project.count("select count(*) from page_votes where undone_at_ms is not null")).toBe(
      undone.reduce((sum, times) => sum + times, 0),
    );
    expect(project.count("select count(*) from counted_votes")).toBe(VOTES);
    expect(people.flatMap(({ problems }) => problems)).toEqual([]);
  }, 300_000);

  it("shows the next images at once while the server is slow", async () => {
    await using site = await openSite({ prompts: PROMPTS.slice(0, 6), perPrompt: 2 });
    await site.serve();
    await using ann = await newAnnotator(browser);
    await ann.open(await site.invite("ann"));
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    await ann.page.route("**/api/**", async (route) => {
      await held;
      await route.continue();
    });
    await ann.loadedAhead();
    for (let index = 0; index < AHEAD; index++) await ann.answer("1");
    await ann.page.locator(`[data-unsent="${AHEAD}"][data-link="sending"]`).waitFor();
    expect(site.project.count("select count(*) from page_votes")).toBe(0);
    // The quickest, because the others show how busy the machine is.
    await expect.poll(async () => (await ann.choiceTimesMs()).length).toBe(AHEAD);
    expect(Math.min(...(await ann.choiceTimesMs()))).toBeLessThan(NEXT_MAX_MS);
    letGo();
    await ann.saved();
    expect(site.project.count("select count(*) from page_votes")).toBe(AHEAD);
  });
});
