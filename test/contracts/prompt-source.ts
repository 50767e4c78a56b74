import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/schema.ts";
import { ConfigError } from "../../src/errors.ts";
import { promptKeyOf } from "../../src/identity.ts";
import { readPrompts, type PromptRow } from "../../src/prompts/read-prompts.ts";
import { openPromptSource } from "../../src/prompts/registry.ts";

/** One row of the contract's table. Null is a value that the file leaves open, bigint an integer that no double holds. */
export interface ContractRow {
  readonly prompt: string | null;
  readonly negative: string | null;
  readonly width: number;
  readonly category: string;
  readonly big: bigint;
}

const row = (prompt: string | null, more: Partial<ContractRow> = {}): ContractRow => ({
  prompt,
  negative: "blurry",
  width: 512,
  category: "Animals",
  big: 2n ** 64n - 1n,
  ...more,
});

/** What people write, and what parsers trip over; but for tabs and line breaks, which not every format can hold. */
export const CONTRACT_ROWS: readonly ContractRow[] = [
  row("a red fox"),
  row('"quoted" at its start, with a comma', { category: 'said "so"' }),
  row("a 5\" disc; it's \\n no line break \\", { negative: "a, b; c" }),
  row("  spaces around  ", { width: 0 }),
  row("# no comment", { category: "-" }),
  row("null", { negative: null }),
  row("0012.50", { big: 2n ** 63n }),
  row("cafe\u0301, 狐狸, 🦊, \u2028 and \u00a0"),
  row("=1+1", { big: 9_007_199_254_740_993n }),
  row("{a|b} __wild__ {prompt} ${HOME} $&"),
  row("a red fox"),
  row(null),
  row("   ", { negative: "" }),
  row(`long: ${"0123456789 狐🦊".repeat(1_600)}`),
  row("the last"),
];

/** The same prompts without any row. */
export const NO_ROWS: readonly ContractRow[] = [];

export interface PromptFormat {
  /** The bytes of a file with these rows; called with `CONTRACT_ROWS` and `NO_ROWS`. */
  write(rows: readonly ContractRow[]): string | Uint8Array;
  /** False where a file holds prompts and nothing else. */
  readonly hasColumns: boolean;
  /** False for a format that is compressed inside. */
  readonly takesGzip: boolean;
}

type PromptSettings = Config["prompts"];

/** The settings that take every column of the contract's table. */
export function contractSettings(file: string, { hasColumns }: Pick<PromptFormat, "hasColumns">): PromptSettings {
  const plain = { file, prompt: "prompt", template: "{prompt}", columns: {}, keep: [] };
  return hasColumns ? { ...plain, negative: "negative", columns: { w: "width" }, keep: ["category", "big"] } : plain;
}

/** All that a file gives, with what was counted and said. */
export async function readAll(settings: PromptSettings) {
  const warnings: string[] = [];
  const source = readPrompts(settings, { warn: (message) => warnings.push(message) });
  const rows: PromptRow[] = [];
  for await (const each of source.rows()) rows.push(each);
  return { rows, counts: source.counts, warnings };
}

/** The error that reading a file ends with. */
export async function failureOf(settings: PromptSettings): Promise<ConfigError> {
  const failure = await readAll(settings).catch((error: unknown) => error);
  if (!(failure instanceof ConfigError)) throw new Error(`expected a ConfigError, not ${String(failure)}`);
  return failure;
}

/** What any file with the contract's rows must give. */
function expectedRows({ hasColumns }: Pick<PromptFormat, "hasColumns">): readonly Omit<PromptRow, "position">[] {
  return CONTRACT_ROWS.flatMap(({ prompt, negative, width, category, big }) => {
    if (prompt === null || prompt.trim() === "") return [];
    const identity = { text: prompt, negative: hasColumns ? (negative ?? "") : "", references: {}, bound: hasColumns ? { w: width } : {} };
    const { bound, references } = identity;
    const meta = hasColumns ? JSON.stringify({ big: String(big), category }) : "{}";
    return [
      { promptKey: promptKeyOf(identity), prompt, sent: prompt, negative: identity.negative, bound, references, sourceId: null, meta },
    ];
  });
}

/** What every source of prompts must do, whatever its format: the same rows give the same prompts. */
export function promptSourceContract(extension: string, format: PromptFormat): void {
  describe(`.${extension}, the contract of a source of prompts`, () => {
    let dir = "";
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "comfy-dpo-prompts-"));
    });
    afterAll(() => rm(dir, { recursive: true, force: true }));
    const put: Put = async (name, bytes) => {
      const path = join(dir, name);
      await writeFile(path, bytes);
      return contractSettings(path, format);
    };
    const given: Given = { extension, format, put, putRows: () => put(`rows.${extension}`, format.write(CONTRACT_ROWS)) };

    rowsContract(given);
    badFilesContract(given);
    if (format.hasColumns) columnsContract(given);
    if (format.takesGzip) gzipContract(given);
    else noGzipContract(given);
  });
}

type Put = (name: string, bytes: string | Uint8Array) => Promise<PromptSettings>;

interface Given {
  readonly extension: string;
  readonly format: PromptFormat;
  /** Writes a file below the test's folder and gives the settings that read it. */
  readonly put: Put;
  /** A file with the contract's rows. */
  readonly putRows: () => Promise<PromptSettings>;
}

function rowsContract({ format, putRows }: Given): void {
  it("gives the prompts of the contract's rows: text, negative, bound values, metadata, identity", async () => {
    const { rows, counts } = await readAll(await putRows());
    expect(rows).toEqual(expectedRows(format).map((expected) => ({ ...expected, position: expect.any(Number) as number })));
    // Only a table knows of a row without a prompt; a line without one is an empty line.
    expect(counts).toEqual({ prompts: rows.length, empty: format.hasColumns ? 2 : 0, replacedSurrogates: 0 });
  });

  it("says where a prompt stands: positions from 1, rising", async () => {
    const positions = (await readAll(await putRows())).rows.map(({ position }) => position);
    expect(positions[0]).toBeGreaterThanOrEqual(1);
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
  });

  it("reads from the start at each call", async () => {
    const source = await openPromptSource((await putRows()).file);
    const texts = async () => {
      const found: (string | undefined)[] = [];
      for await (const { fields } of source.rows()) found.push(fields["prompt"]);
      return found;
    };
    const first = await texts();
    expect(first.length).toBeGreaterThan(3);
    expect(await texts()).toEqual(first);
  });

  it("gives the first `limit` prompts and closes the file", async () => {
    const settings = await putRows();
    const { rows } = await readAll({ ...settings, limit: 3 });
    expect(rows.map(({ prompt }) => prompt)).toEqual(CONTRACT_ROWS.slice(0, 3).map(({ prompt }) => prompt));
    await expect.poll(() => isOpen(settings.file)).toBe(false);
  });
}

function badFilesContract({ extension, format, put, putRows }: Given): void {
  it("refuses a column that is not there, and names the nearest", async () => {
    const settings = await putRows();
    const failure = await failureOf({ ...settings, prompt: "Promt" });
    expect(failure.message).toContain(settings.file);
    expect(failure.message).toContain('"Promt" (prompts.prompt) (did you mean "prompt"?)');
  });

  it("refuses a file of 0 bytes and one without a row", async () => {
    const nothing = await put(`nothing.${extension}`, "");
    expect((await failureOf(nothing)).message).toMatch(/: .*(?:is empty|holds no prompt)/);
    const rowless = await put(`rowless.${extension}`, format.write(NO_ROWS));
    expect((await failureOf(rowless)).message).toContain("it holds no prompt");
  });

  it("refuses what is no file", async () => {
    const settings = await putRows();
    const missing = `${settings.file.slice(0, -extension.length)}missing.${extension}`;
    expect((await failureOf({ ...settings, file: missing })).message).toContain(`${missing}: there is no such file`);
    const folder = `${settings.file.slice(0, -extension.length)}folder.${extension}`;
    await mkdir(folder);
    expect((await failureOf({ ...settings, file: folder })).message).toContain(`${folder}: it is a folder`);
  });
}

function columnsContract({ putRows }: Given): void {
  it.each<[key: string, change: Partial<PromptSettings>, nearest: string]>([
    ["prompts.negative", { negative: "negativ" }, "negative"],
    ["prompts.send", { send: "Prompt" }, "prompt"],
    ["prompts.id", { id: "bgi" }, "big"],
    ["prompts.keep", { keep: ["categry"] }, "category"],
    ["prompts.columns.w", { columns: { w: "widht" } }, "width"],
  ])("refuses a column of %s that is not there, in a canary of two prompts, too", async (key, change, nearest) => {
    const settings = await putRows();
    for (const limit of [2, 1_000]) {
      const failure = await failureOf({ ...settings, limit, ...change });
      expect(failure.message).toContain(`(${key}) (did you mean "${nearest}"?)`);
    }
  });
}

function gzipContract({ extension, format, put, putRows }: Given): void {
  it("reads the same from .gz, in one member or more", async () => {
    const bytes = Buffer.from(format.write(CONTRACT_ROWS));
    const packed = await put(`rows.${extension}.gz`, Buffer.concat([gzipSync(bytes.subarray(0, 999)), gzipSync(bytes.subarray(999))]));
    expect((await readAll(packed)).rows).toEqual((await readAll(await putRows())).rows);
  });

  it("refuses a .gz that was cut off or is none", async () => {
    const cut = await put(`cut.${extension}.gz`, gzipSync(format.write(CONTRACT_ROWS)).subarray(0, -20));
    expect((await failureOf(cut)).message).toContain("it is no whole gzip file");
    const plain = await put(`plain.${extension}.gz`, format.write(CONTRACT_ROWS));
    expect((await failureOf(plain)).message).toContain("it is no whole gzip file");
  });
}

function noGzipContract({ extension, format, put }: Given): void {
  it("refuses .gz with what to do", async () => {
    const packed = await put(`rows.${extension}.gz`, gzipSync(format.write(CONTRACT_ROWS)));
    expect((await failureOf(packed)).hint).toBe("unpack it");
  });
}

/** True while this process has the file open. Linux lists that; elsewhere it is taken to be closed. */
async function isOpen(file: string): Promise<boolean> {
  const list = "/proc/self/fd";
  if (!existsSync(list)) return false;
  const targets = await Promise.all((await readdir(list)).map((fd) => readlink(join(list, fd)).catch(() => "")));
  return targets.includes(file);
}
