import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { ensurePageBuilt } from "../../../src/page/server/page-files.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const { signal } = new AbortController();

describe("ensurePageBuilt", () => {
  let root: string;
  let told: string[];
  const ensure = (): Promise<void> =>
    ensurePageBuilt({ root, signal, clock: systemClock, log: { info: (message) => void told.push(message) } });
  const script = (): string => {
    const [name = ""] = readdirSync(join(root, "dist/web/assets")).filter((each) => each.endsWith(".js"));
    return readFileSync(join(root, "dist/web/assets", name), "utf8");
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "comfy-dpo-page-"));
    told = [];
    for (const path of ["src/page/web", "src/page/api.ts", "vite.config.ts", "pnpm-lock.yaml", "package.json", "tsconfig.json"]) {
      cpSync(join(REPOSITORY, path), join(root, path), { recursive: true });
    }
    symlinkSync(join(REPOSITORY, "node_modules"), join(root, "node_modules"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("builds once for several processes that start together, and again after a source changes", async () => {
    await Promise.all([ensure(), ensure(), ensure()]);
    expect(told).toEqual(["Building the annotation page"]);
    expect(readFileSync(join(root, "dist/web/index.html"), "utf8")).not.toMatch(/<script(?![^>]*src=)|<style|style=/);
    await ensure();
    expect(told).toHaveLength(1);

    const main = join(root, "src/page/web/main.tsx");
    writeFileSync(main, `${readFileSync(main, "utf8")}\ndocument.title = "another page";\n`);
    await ensure();
    expect(told).toHaveLength(2);
    expect(script()).toContain("another page");
    expect(readdirSync(join(root, "dist")).toSorted((first, second) => first.localeCompare(second))).toEqual(["locks", "web"]);
  });

  it("reports why a build failed, and keeps the earlier build", async () => {
    await ensure();
    const before = script();
    writeFileSync(join(root, "src/page/web/main.tsx"), "import './nowhere.ts';");
    await expect(ensure()).rejects.toThrow(/^Cannot build the annotation page: Vite ended with 1: .*nowhere/s);
    expect(script()).toBe(before);
  });

  it("uses the built page of a package, and reports if there is none", async () => {
    rmSync(join(root, "src"), { recursive: true });
    await expect(ensure()).rejects.toThrow("has no index.html");
    mkdirSync(join(root, "dist/web"), { recursive: true });
    writeFileSync(join(root, "dist/web/index.html"), "<!doctype html>");
    await ensure();
    expect(told).toEqual([]);
    expect(existsSync(join(root, "dist/locks"))).toBe(false);
  });
});
