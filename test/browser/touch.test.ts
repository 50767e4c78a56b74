import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAnnotator } from "./annotator.ts";
import { hasChromium, openBrowser } from "./open-browser.ts";
import { openSite } from "./site.ts";

/** Smallest target for a finger, CSS px. Source: WCAG 2.2, 2.5.5 Target Size (Enhanced). */
const TARGET_MIN_PX = 44;

/** A tablet in portrait orientation. */
const TABLET = { viewport: { width: 820, height: 1180 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** Puts two fingers on a point and moves them apart. */
async function pinch(page: Page, { x, y }: { readonly x: number; readonly y: number }): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const fingers = (apartPx: number) => [
    { x: x - apartPx / 2, y, id: 0 },
    { x: x + apartPx / 2, y, id: 1 },
  ];
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: fingers(40) });
  for (const apartPx of [60, 90, 130, 180]) {
    await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: fingers(apartPx) });
  }
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await session.detach();
}

/** Sets other fonts, up to texts without any size. Not with a <style>, which the page's CSP refuses. */
const FONTS = ["* { }", "* { font-family: serif !important; }", "* { font: 5px/1 monospace !important; letter-spacing: -3px !important; }"];

/** The size of a target must not depend on a font. */
async function expectTargets(page: Page, selector: string): Promise<void> {
  for (const rule of FONTS) {
    await page.evaluate((text) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      document.adoptedStyleSheets = [sheet];
    }, rule);
    for (const target of await page.locator(selector).filter({ visible: true }).all()) {
      const box = await target.boundingBox();
      const said = `${(await target.textContent()) ?? ""} with ${rule}`;
      expect(Math.min(box?.width ?? 0, box?.height ?? 0), said).toBeGreaterThanOrEqual(TARGET_MIN_PX);
    }
  }
  // The page places images when their frames change size, which a ResizeObserver tells it with the next frame of the browser.
  await page.evaluate(async () => {
    document.adoptedStyleSheets = [];
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
}

describe.runIf(hasChromium)("the page by touch", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  it("works from the first image to the last on a tablet", async () => {
    await using site = await openSite({ prompts: ["a fox", "a heron", "a tram", "a map"], perPrompt: 4 });
    await site.serve();
    await using ann = await newAnnotator(browser, TABLET);
    const { page } = ann;
    await ann.open(await site.invite("ann"));
    const images = page.locator(".stage:not(.waiting) .choose");
    const button = (name: string) => page.getByRole("button", { name, exact: true });

    const before = await page.locator(".stage:not(.waiting) img").first().boundingBox();
    await expectTargets(page, ".actions button, .stage:not(.waiting) .choose");
    const box = await images.first().boundingBox();
    const task = await ann.task();
    await pinch(page, { x: box!.x + box!.width / 2, y: box!.y + box!.height / 2 });
    await expect.poll(() => page.locator(".frame.zoomed").count()).toBe(4);
    expect(await ann.task(), "a pinch chooses nothing").toBe(task);
    await button("Fit").tap();
    await expect.poll(() => page.locator(".frame.zoomed").count()).toBe(0);

    await button("Flags").tap();
    await expectTargets(page, "dialog button, dialog label");
    await page.getByRole("checkbox", { name: "Image 3: Artefact" }).tap();
    await button("Close").tap();
    await ann.toNext(() => images.nth(3).tap());
    expect(await page.locator(".stage:not(.waiting) img").first().boundingBox(), "nothing moves when the task changes").toEqual(before);
    await ann.toNext(() => button("Tie").tap());
    await ann.toNext(() => button("Undo").tap());
    await ann.toNext(() => button("All bad").tap());
    await ann.toNext(() => button("Skip").tap());
    await images.first().tap();
    await ann.heading().getByText("Nothing left to do").waitFor();
    await ann.saved();
    expect(
      site.project.column("select kind from votes join page_votes using (vote_id) where undone_at_ms is null order by page_votes.rowid"),
    ).toEqual(["choice", "both_bad", "skip", "choice"]);
    expect(ann.problems).toEqual([]);
  });
});
