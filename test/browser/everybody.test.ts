import axe from "axe-core";
import type { Browser, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAnnotator } from "./annotator.ts";
import { hasChromium, openBrowser } from "./open-browser.ts";
import { openSite, type Site } from "./site.ts";

// Checks every view, light and dark, with axe-core and against the Content-Security-Policy.

const PROMPTS = ["a fox", "a long prompt ".repeat(60), "a tram", "a map", "a heron", "tea"];

/** The findings of axe-core: each rule with the elements at fault. */
async function violations(page: Page, view: string): Promise<readonly string[]> {
  // Run in the browser's debugger, which no Content-Security-Policy stops.
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations: all } = await (window as unknown as { axe: typeof axe }).axe.run(document); // axe-core's own global.
    return all.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  return found.map((each) => `${view}: ${each}`);
}

describe.runIf(hasChromium)("the page for everybody", () => {
  let browser: Browser;
  let site: Site;
  let leadLink: string;
  beforeAll(async () => {
    browser = await openBrowser();
    site = await openSite({
      prompts: PROMPTS,
      perPrompt: 3,
      people: { task: "best-worst", overlap: 10, max_votes: 10 },
      annotate: { criteria: ["overall", "looks"] },
    });
    leadLink = await site.serve();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  it.each(["light", "dark"] as const)("has no violations of accessibility rules in any view (%s)", async (colorScheme) => {
    await using ann = await newAnnotator(browser, { colorScheme, reducedMotion: "reduce" });
    const { page } = ann;
    const found: string[] = [];
    const look = async (view: string): Promise<void> => void found.push(...(await violations(page, view)));
    const key = (name: string): Promise<void> => page.keyboard.press(name);
    await ann.open(await site.invite(`ann-${colorScheme}`));
    await look("choosing");
    for (const [name, title] of [
      ["?", "Keys"],
      ["g", "Guidelines"],
      ["f", "Flags"],
    ] as const) {
      await key(name);
      await page.getByRole("dialog", { name: title }).waitFor();
      if (name === "f") await key("n");
      await look(title);
      await key("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await key("Space");
    await page.locator(".frame.zoomed").first().waitFor();
    await look("zoomed");
    await key("Escape");
    await key("1");
    await look("the worst is asked for");
    await ann.answer("2");
    await ann.toNext(() => key("z"));
    await look("undone");
    await page.context().setOffline(true);
    await key("2");
    await ann.answer("1");
    await page.getByText("Offline").waitFor();
    await look("offline");
    await page.context().setOffline(false);
    await ann.saved();
    await page.goto(leadLink);
    await page.goto(new URL("/lead", page.url()).href);
    await page.getByRole("heading", { name: "People" }).waitFor();
    await look("lead");
    expect(found).toEqual([]);
    expect(ann.problems).toEqual([]);
  });

  it.each(["light", "dark"] as const)("has none without tasks, either (%s)", async (colorScheme) => {
    await using ann = await newAnnotator(browser, { colorScheme });
    const { page } = ann;
    const found: string[] = [];
    const look = async (view: string): Promise<void> => void found.push(...(await violations(page, view)));
    const name = `last-${colorScheme}`;
    await ann.open(await site.invite(name));
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByRole("heading", { name: "Open in another tab" }).waitFor();
    found.push(...(await violations(other, "another tab")));
    await other.close();
    for (let over = false; !over; over = (await ann.heading().count()) > 0) await ann.answer("t");
    await ann.heading().getByText("Nothing left to do").waitFor();
    await look("end");
    await ann.saved();
    await site.succeed("annotate", "revoke", name);
    await page.keyboard.press("z");
    await ann.heading().getByText("Your link is no longer valid").waitFor();
    await look("revoked");
    await page.reload();
    await look("not joined");
    expect(found).toEqual([]);
    expect(ann.problems).toEqual([]);
  });

  it.each(["light", "dark"] as const)("has none while images load or are missing, and reports it (%s)", async (colorScheme) => {
    await using ann = await newAnnotator(browser, { colorScheme });
    const { page } = ann;
    const found: string[] = [];
    const look = async (view: string): Promise<void> => void found.push(...(await violations(page, view)));
    const session = Promise.withResolvers<void>();
    await page.route("**/api/session", async (route) => {
      await session.promise;
      await route.continue();
    });
    let answer: "wait" | "fail" | "come" = "wait";
    const waiting: Route[] = [];
    await page.route("**/pictures/**", async (route) => {
      if (answer === "come") await route.continue();
      else if (answer === "fail") await route.fulfill({ status: 404, json: { error: "not-found", message: "", hint: null } });
      else waiting.push(route);
    });
    await page.goto(await site.invite(`slow-${colorScheme}`));
    await ann.heading().getByText("Loading").waitFor();
    await look("opening");
    session.resolve();

    const stage = page.locator(".stage:not(.waiting)");
    await stage.waitFor();
    expect(await stage.getAttribute("aria-busy")).toBe("true");
    await stage.getByText("Loading").first().waitFor();
    await look("images on their way");
    const choose = stage.getByRole("button", { name: "Choose image 1" });
    expect(await choose.getAttribute("aria-disabled")).toBe("true");
    await page.keyboard.press("1");
    expect(await stage.getAttribute("data-task")).toBe(await ann.onScreen());

    answer = "fail";
    for (const route of waiting) await route.fulfill({ status: 404, json: { error: "not-found", message: "", hint: null } });
    const missing = stage.getByRole("alert");
    await missing.first().waitFor();
    expect(await missing.first().textContent()).toContain("Image 1");
    await look("images missing");
    // In the order on screen: choose, then try again.
    await choose.focus();
    await page.keyboard.press("Tab");
    const again = stage.getByRole("button", { name: "Load again: Image 1" });
    expect(await again.evaluate((element) => element === document.activeElement)).toBe(true);

    answer = "come";
    await page.keyboard.press("Enter");
    await stage.and(page.locator('[data-ready="true"]')).waitFor();
    expect(await missing.count()).toBe(0);
    expect(found).toEqual([]);
    expect(ann.problems).toEqual([]);
  });

  it("shows Chinese to whoever chooses it, and remembers that", async () => {
    await using ann = await newAnnotator(browser);
    const { page } = ann;
    await ann.open(await site.invite("chen"));
    await page.keyboard.press("?");
    await page.getByRole("combobox", { name: "Language" }).selectOption("zh");
    await page.getByRole("dialog", { name: "快捷键" }).waitFor();
    await page.keyboard.press("Escape");
    await page.reload();
    await page.getByRole("heading", { name: "哪张最好" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("zh-CN");
  });

  it("blocks what the policy forbids, and shows the lead the number of reports", async () => {
    await using lead = await newAnnotator(browser);
    const { page } = lead;
    await page.goto(leadLink);
    const overview = new URL("/lead", page.url()).href;
    await page.goto(overview);
    await page.getByRole("heading", { name: "Work" }).waitFor();
    expect(await page.getByText("Content-Security-Policy").count(), "no view above made a report").toBe(0);
    const reported = page.waitForResponse((response) => response.url().endsWith("/api/csp-reports"));
    expect(
      await page.evaluate(() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'attacked'";
        document.body.append(script);
        return document.title;
      }),
    ).toBe("Overview");
    await reported;
    // The server counts again every few seconds.
    await expect
      .poll(
        async () => {
          await page.getByRole("button", { name: "Refresh" }).click();
          return page.getByRole("row", { name: "Reports against the Content-Security-Policy 1" }).count();
        },
        { timeout: 30_000, interval: 250 },
      )
      .toBe(1);
  });
});
