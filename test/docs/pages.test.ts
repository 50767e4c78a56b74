import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { describe, expect, it } from "vitest";

// Holds the pages for people to what they promise: short, and true about where things are.

const ROOT = join(import.meta.dirname, "../..");
const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .map((name) => posix.join("docs", name.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".md")),
];
const WORDS_MAX: Readonly<Record<string, number>> = { "README.md": 1_000, "ARCHITECTURE.md": 1_500 };

const textOf = (page: string): string => readFileSync(join(ROOT, page), "utf8");
const withoutFences = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, "");

/** GitHub's anchors: lower case, spaces to hyphens, everything but letters, digits, hyphens and underscores left out. */
function anchorsOf(page: string): readonly string[] {
  return [...withoutFences(textOf(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** `src/a/{b,c}.ts` names two files. */
function expandBraces(path: string): readonly string[] {
  const [whole, names] = /\{([^}]+)\}/.exec(path) ?? [];
  if (whole === undefined || names === undefined) return [path];
  return names.split(",").flatMap((name) => expandBraces(path.replace(whole, name)));
}

describe("pages", () => {
  it.each(Object.entries(WORDS_MAX))("%s has at most %i words", (page, max) => {
    expect(textOf(page).split(/\s+/).filter(Boolean).length).toBeLessThanOrEqual(max);
  });

  it.each(PAGES)("%s links to pages and headings that exist", (page) => {
    const links = [...withoutFences(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : posix.normalize(posix.join(dirname(page), path));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(PAGES.filter((page) => page !== "CHANGELOG.md" && !page.startsWith("docs/measured/")))("%s names files that exist", (page) => {
    const named = [...textOf(page).matchAll(/`((?:src|test|docs|configs|migrations|templates|\.ci)\/[\w./{},*-]*)`/g)].map(
      ([, path]) => path!,
    );
    const missing = named
      .flatMap(expandBraces)
      .filter((path) => !path.includes("*") && !path.includes("NAME") && !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });
});
