import { chromium, type Browser } from "playwright-core";
import { findChromium } from "../helpers/find-chromium.ts";
import { requirePart } from "../helpers/parts.ts";

/** Without a browser, these tests are skipped by name. */
export const hasChromium = requirePart("chromium", findChromium() !== undefined);

/** Opens a real Chromium without a window. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium");
  // Chromium's sandbox refuses root, and tests in containers run as root.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
