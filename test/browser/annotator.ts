import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";

/** The task on screen, once its images are loaded. */
const READY = '.stage:not(.waiting)[data-ready="true"]';

/** A person at the page, with their own browser profile. */
export interface Annotator extends AsyncDisposable {
  readonly page: Page;
  /** Violations of the Content-Security-Policy and errors of the page so far. */
  readonly problems: readonly string[];
  /** Opens a link, and waits for the first task. */
  readonly open: (link: string) => Promise<void>;
  /** Returns the task_id of the task on screen once its images are loaded. */
  readonly task: () => Promise<string>;
  /** Returns the task_id of the task on screen, with or without images. */
  readonly onScreen: () => Promise<string>;
  /** Presses a key that answers, and waits for the next task or the end. Returns the task_id that was answered. */
  readonly answer: (key: string) => Promise<string>;
  /** Runs an action that shows another task, and waits for it. */
  toNext(act: () => Promise<unknown>): Promise<string>;
  /** Waits until the images of the next tasks are loaded, too. */
  readonly loadedAhead: () => Promise<void>;
  /** Waits until the server has confirmed everything. */
  readonly saved: () => Promise<void>;
  /** The page's heading when there is nothing to choose. */
  readonly heading: () => Locator;
  /** Returns the times from each choice until the next images were drawn, ms. */
  readonly choiceTimesMs: () => Promise<readonly number[]>;
}

export async function newAnnotator(browser: Browser, options: BrowserContextOptions = {}): Promise<Annotator> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content.Security.Policy/i.test(message.text())) problems.push(message.text());
  });
  const task = async (): Promise<string> => (await page.locator(READY).getAttribute("data-task")) ?? "";
  const toNext = async (act: () => Promise<unknown>): Promise<string> => {
    const before = await task();
    await act();
    await page.locator(`${READY}:not([data-task="${before}"]), main.message h1`).waitFor();
    return before;
  };
  return {
    page,
    problems,
    open: async (link) => {
      await page.goto(link);
      await page.locator(READY).waitFor();
    },
    task,
    onScreen: async () => (await page.locator(".stage:not(.waiting)").getAttribute("data-task")) ?? "",
    toNext,
    answer: (key) => toNext(() => page.keyboard.press(key)),
    loadedAhead: () =>
      page.waitForFunction(() => document.querySelectorAll('.stage[data-ready="false"]').length === 0).then(() => undefined),
    saved: () => page.locator('[data-unsent="0"][data-link="idle"]').waitFor(),
    heading: () => page.locator("main.message h1"),
    choiceTimesMs: () => page.evaluate(() => performance.getEntriesByName("choice-to-next").map(({ duration }) => duration)),
    [Symbol.asyncDispose]: () => context.close(),
  };
}
