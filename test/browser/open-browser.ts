import { chromium, type Browser } from "playwright-core";
import { findChromium } from "../helpers/find-chromium.ts";
import { requirePart } from "../helpers/parts.ts";

/** Tests in a browser are skipped by name where there is none. */
export const hasChromium = requirePart("chromium", findChromium() !== undefined);

/** A real Chromium, without a window. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium");
  // Chromium's sandbox refuses root, which is who tests in containers are.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
