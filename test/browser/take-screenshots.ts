import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import type { Page } from "playwright-core";
import { newAnnotator } from "./annotator.ts";
import { openBrowser } from "./open-browser.ts";
import { writeScenes } from "./scenes.ts";
import { openSite } from "./site.ts";

// `pnpm screenshots` makes the page's images in docs/ from drawn scenes.

const DOCS = join(import.meta.dirname, "../../docs");
/** With this many colours an image stays below 200 KB. */
const COLOURS = 128;

async function shoot(page: Page, name: string): Promise<void> {
  const png = await page.screenshot();
  await sharp(png).png({ palette: true, colours: COLOURS, effort: 10 }).toFile(join(DOCS, name));
}

mkdirSync(DOCS, { recursive: true });
await using browser = await openBrowser();
await using site = await openSite({
  prompts: ["none"],
  perPrompt: 1,
  adopt: writeScenes,
  people: { task: "pair", overlap: 10, max_votes: 10 },
});

await site.serve();
await using ann = await newAnnotator(browser, { colorScheme: "light" });
await ann.open(await site.invite("ann"));
for (const key of ["1", "2", "1"]) await ann.answer(key);
await ann.saved();
await shoot(ann.page, "page-light.png");

await site.kill();
site.ask({ task: "best-worst", overlap: 10, max_votes: 10 });
await site.serve();
await using bo = await newAnnotator(browser, { colorScheme: "dark", viewport: { width: 1280, height: 900 } });
await bo.open(await site.invite("bo"));
for (const key of ["1", "2"]) await bo.page.keyboard.press(key);
await bo.loadedAhead();
await bo.page.keyboard.press("3");
await bo.page.getByText("best", { exact: true }).waitFor();
await bo.saved();
await shoot(bo.page, "page-dark.png");
