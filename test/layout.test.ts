import { readFileSync, readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { basename, dirname, join, posix, relative } from "node:path";
import { describe, expect, it } from "vitest";

// ARCHITECTURE.md's rules, held against the code.

const ROOT = join(import.meta.dirname, "..");
const LINES_MAX = 400;
const FILES_MAX = 25;

interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Our files from the root, packages by name; those of types are imports like any other. */
  readonly imports: readonly { readonly target: string; readonly isType: boolean }[];
}

const sources: readonly Source[] = filesUnder("src")
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts"))
  .map((path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    const statements = [
      ...text.matchAll(/^(?:import|export)\s+(type\s+)?[^;"()]*?from\s+"([^"]+)"/gm),
      ...text.matchAll(/\bimport\(()"([^"]+)"\)/g),
    ];
    return {
      path,
      text,
      imports: statements.map((match) => ({ target: resolve(path, match[2]!), isType: match[1] !== undefined && match[1] !== "" })),
    };
  });

function filesUnder(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

function resolve(from: string, target: string): string {
  return target.startsWith(".") ? posix.normalize(posix.join(dirname(from), target)) : target;
}

/**
 * Room → the rooms below it, whose files its own may import, types included, besides errors.ts, identity.ts and lib/. A room not named
 * here stands above all: commands/, cli.ts, bin.ts.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "src/lib": [],
  "src/config": [],
  "src/emulator": [],
  "src/comfy": [],
  "src/images": [],
  "src/exporters": ["src/config"],
  "src/judges": ["src/config", "src/images"],
  "src/stores": ["src/config"],
  "src/prompts": ["src/config", "src/images"],
  "src/db": ["src/comfy", "src/images", "src/judges"],
  "src/votes": ["src/config", "src/db", "src/prompts"],
  "src/stages": [
    "src/comfy",
    "src/config",
    "src/db",
    "src/exporters",
    "src/images",
    "src/judges",
    "src/prompts",
    "src/stores",
    "src/context.ts",
  ],
  "src/context.ts": ["src/comfy", "src/config", "src/db", "src/judges", "src/stores", "src/stages/last-progress.ts"],
  "src/page/api.ts": [],
  "src/page/web": ["src/page/api.ts"],
  "src/page/server": ["src/config", "src/context.ts", "src/db", "src/images", "src/page/api.ts", "src/stages", "src/stores", "src/votes"],
};

describe("layout", () => {
  it("keeps every file at 400 lines or fewer", () => {
    const files = [...filesUnder("src"), ...filesUnder("test").filter((path) => !path.startsWith("test/fixtures/"))];
    const long = files.filter(
      (path) => /\.(?:tsx?|css|py)$/.test(path) && readFileSync(join(ROOT, path), "utf8").split("\n").length - 1 > LINES_MAX,
    );
    expect(long).toEqual([]);
  });

  it("shows at most 25 files in a folder", () => {
    const shown = [...filesUnder("src"), ...filesUnder("test").filter((path) => !path.startsWith("test/fixtures/"))];
    const folders = Map.groupBy(shown, (path) => dirname(path));
    expect([...folders].filter(([, files]) => files.length > FILES_MAX).map(([folder]) => folder)).toEqual([]);
  });

  it("has no default exports, no barrels and no junk drawers", () => {
    expect(sources.filter(({ text }) => /^export default/m.test(text)).map(({ path }) => path)).toEqual([]);
    expect(
      sources
        .filter(({ text, path }) => /^export (?:\*|\{[^}]*\}) from/m.test(text) && path !== "src/db/drizzle.ts")
        .map(({ path }) => path),
    ).toEqual([]);
    expect(
      sources
        .filter(({ path }) => /^(?:index|utils?|helpers?|types|constants|common|misc)\.tsx?$/.test(basename(path)))
        .map(({ path }) => path),
    ).toEqual([]);
  });

  it("imports only what ARCHITECTURE.md allows, types included", () => {
    const isUnder = (path: string, room: string): boolean => path === room || path.startsWith(`${room}/`);
    const forbidden = sources.flatMap(({ path, imports }) => {
      const room = Object.keys(MAY_IMPORT).find((candidate) => isUnder(path, candidate));
      if (room === undefined) return [];
      const allowed = ["src/errors.ts", "src/identity.ts", "src/lib", room, ...(MAY_IMPORT[room] ?? [])];
      return imports
        .filter(({ target }) => target.startsWith("src/") && !allowed.some((below) => isUnder(target, below)))
        .map(({ target }) => `${path} → ${target}`);
    });
    expect(forbidden).toEqual([]);
  });

  it("keeps the database libraries in src/db, and SQL with them", () => {
    const users = sources.filter(
      ({ path, imports }) =>
        !path.startsWith("src/db/") && imports.some(({ target, isType }) => !isType && /^(?:better-sqlite3|drizzle-orm)/.test(target)),
    );
    expect(users.map(({ path }) => path)).toEqual([]);
    const sql = sources.filter(
      ({ path, text }) =>
        !path.startsWith("src/db/") &&
        /\b(?:select\s[^;]{1,200}\sfrom\s|insert into\s|update \w+ set\s|delete from\s)/i.test(
          text.replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, ""),
        ),
    );
    expect(sql.map(({ path }) => path)).toEqual([]);
  });

  it("touches console and process.exit in cli.ts only", () => {
    expect(
      sources.filter(({ path, text }) => path !== "src/cli.ts" && /\bconsole\.|process\.exit\(/.test(text)).map(({ path }) => path),
    ).toEqual([]);
  });

  it("has no import cycle, not even of types", () => {
    const graph = new Map(sources.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): readonly string[] | null => {
      if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
      if (done.has(path)) return null;
      for (const target of graph.get(path) ?? []) {
        const cycle = visit(target, [...trail, path]);
        if (cycle !== null) return cycle;
      }
      done.add(path);
      return null;
    };
    for (const path of graph.keys()) expect(visit(path, [])).toBeNull();
  });

  it("tests with parts that npm does not bring in *.parts.test.ts, so that test:unit needs none", () => {
    const NEEDS_PARTS = /\b(?:startSeaweed|requirePart|requirePython\w*|OPEN_AND_DIE)\b/;
    const unit = filesUnder("test").filter(
      (path) => path.endsWith(".test.ts") && !/^test\/(?:e2e|browser|live)\/|\.parts\.test\.ts$/.test(path),
    );
    const needy = unit.filter((path) => path !== "test/layout.test.ts" && NEEDS_PARTS.test(readFileSync(join(ROOT, path), "utf8")));
    expect(needy).toEqual([]);
  });

  it("depends on every package that it imports, and lists none that it does not", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, Record<string, string>>;
    const packagesOf = (files: readonly Source[]): readonly string[] => {
      const targets = files.flatMap(({ imports, text }) => [
        ...imports.map(({ target }) => target),
        ...[...text.matchAll(/\brequire\("([^"]+)"\)/g)].map((match) => match[1]!),
      ]);
      const ofPackages = targets.filter(
        (target) => !target.startsWith("src/") && !target.startsWith("node:") && !builtinModules.includes(target),
      );
      return [
        ...new Set(
          ofPackages.map((target) =>
            target
              .split("/")
              .slice(0, target.startsWith("@") ? 2 : 1)
              .join("/"),
          ),
        ),
      ];
    };
    const isPage = ({ path }: Source): boolean => path.startsWith("src/page/web/");
    // `node` is the runtime itself: the npm package puts Node 24 where the scripts find it.
    const used = packagesOf(sources.filter((source) => !isPage(source)));
    expect([...used, "node"].toSorted()).toEqual(Object.keys(manifest["dependencies"] ?? {}).toSorted());
    // The page brings its packages inside its built files: they are needed to build it only.
    expect(Object.keys(manifest["devDependencies"] ?? {})).toEqual(expect.arrayContaining([...packagesOf(sources.filter(isPage))]));
  });

  it("speaks of itself alone: no paths of a machine, nothing of how it was made", () => {
    const files = [...sources.map(({ path }) => path), "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    const told = files.filter((path) => /\.\.\/shared|\/work\/|\/root\//.test(readFileSync(join(ROOT, path), "utf8")));
    expect(told.map((path) => relative(ROOT, join(ROOT, path)))).toEqual([]);
  });
});
