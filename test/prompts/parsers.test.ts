import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import type { RawPrompt } from "../../src/prompts/prompt-source.ts";
import { openPromptSource } from "../../src/prompts/registry.ts";

// Random files against what they were written from. Files are real: the readers' only entrance.

/** As `createReadStream` hands them out here, bytes: what stands across it comes in two pieces. */
const CHUNK_BYTES = 64 * 1024;

let dir = "";
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-parsers-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function read(extension: string, text: string): Promise<readonly RawPrompt[]> {
  const file = join(dir, `${count++}.${extension}`);
  await writeFile(file, text);
  const rows: RawPrompt[] = [];
  for await (const row of (await openPromptSource(file)).rows()) rows.push(row);
  await rm(file);
  return rows;
}

/** Position and fields, so that fields without a prototype compare with others. */
const plain = (rows: readonly RawPrompt[]) => rows.map(({ position, fields }) => [position, new Map(Object.entries(fields))]);

const lineEnd = fc.constantFrom("\n", "\r\n");
/** Well-formed text that leans towards what parsers trip over. */
const textOf = (...special: readonly string[]) =>
  fc.string({
    unit: fc.oneof(
      fc.constantFrom('"', "'", "\\", ",", ";", " ", "#", "🦊", "é", "\u2028", "\u0085", "", ...special),
      // A NUL is refused: no text has one.
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((character) => character !== "\0"),
    ),
    maxLength: 12,
  });
const without = (text: fc.Arbitrary<string>, ...unwanted: readonly string[]) =>
  text.map((value) => unwanted.reduce((rest, part) => rest.replaceAll(part, ""), value));

describe(".txt", () => {
  it("gives each line as it stands, but for empty ones, with its number", async () => {
    const line = without(textOf("\t", "  "), "\n", "\r", "\ufeff");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(line, lineEnd)), line, fc.boolean(), async (lines, last, mark) => {
        const text = `${mark ? "\ufeff" : ""}${lines.flat().join("")}${last}`;
        const expected = [...lines.map(([each]) => each), last].flatMap((each, index) =>
          each.trim() === "" ? [] : [[index + 1, new Map([["prompt", each]])]],
        );
        expect(plain(await read("txt", text))).toEqual(expected);
      }),
    );
  });
});

it("a .txt that was put together from several systems' files is read line by line", async () => {
  const rows = await read("txt", "a fox\rb cat\r\nc dog\n\rd pig\r");
  expect(rows.map(({ fields }) => fields["prompt"])).toEqual(["a fox", "b cat", "c dog", "d pig"]);
});

describe(".tsv", () => {
  it("gives cells as they stand, quotes, too; lines of white space are empty", async () => {
    const cell = without(textOf('"a"'), "\n", "\r", "\t", "\ufeff");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell, lineEnd)), async (lines) => {
        const text = `prompt\tb\n${lines.map(([a, b, end]) => `${a}\t${b}${end}`).join("")}`;
        const expected = lines.flatMap(([prompt, b], index) =>
          `${prompt}${b}`.trim() === "" ? [] : [[index + 2, new Map(Object.entries({ prompt, b }))]],
        );
        expect(plain(await read("tsv", text))).toEqual(expected);
      }),
    );
  });
});

describe(".csv", () => {
  const cell = fc.tuple(without(textOf("\n", "\r\n", "\r", '""'), "\ufeff"), fc.boolean());
  /** In quotes where it must be, and sometimes where it need not. */
  const written = ([text, quoted]: readonly [string, boolean]) =>
    quoted || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

  it("reads what RFC 4180 writes, with the line on which each row begins", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell, lineEnd, fc.constantFrom("", "\n", "\r\n\r\n", "  \n"))),
        lineEnd,
        async (lines, headerEnd) => {
          let text = `prompt,"b, c"${headerEnd}`;
          const expected: unknown[] = [];
          for (const [a, b, end, gap] of lines) {
            text += gap;
            expected.push([
              text.split("\n").length,
              new Map([
                ["prompt", a[0]],
                ["b, c", b[0]],
              ]),
            ]);
            text += `${written(a)},${written(b)}${end}`;
          }
          expect(plain(await read("csv", text))).toEqual(expected);
        },
      ),
    );
  });

  it("reads a single column: a line without quotes and text is empty", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(cell), async (cells) => {
        const text = `prompt\n${cells.map((each) => `${written(each)}\n`).join("")}`;
        const expected = cells.filter((each) => written(each).trim() !== "").map(([prompt]) => prompt);
        expect((await read("csv", text)).map(({ fields }) => fields["prompt"])).toEqual(expected);
      }),
    );
  });
});

describe.each(["jsonl", "json"])(".%s", (extension) => {
  const fileOf = (items: readonly string[], space = "") =>
    extension === "jsonl" ? items.map((item) => `${item}\n`).join("") : `[${space}${items.join(`${space},${space}`)}]${space}`;
  const key = fc.oneof(fc.constantFrom("prompt", "__proto__", "constructor", "toString", "", "1"), fc.string());
  /** JSON text of any value but those that are no finite number; -0 is written as 0. */
  const fieldText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

  it("gives text as it is, anything else as it is written, null not at all", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }))),
        fc.constantFrom("", " ", "\r\n\t"),
        async (items, space) => {
          const expected = items.map(
            (item) => new Map(Object.entries(item).flatMap(([name, value]) => (value === null ? [] : [[name, fieldText(value)] as const]))),
          );
          const rows = await read(
            extension,
            fileOf(
              items.map((item) => JSON.stringify(item)),
              space,
            ),
          );
          expect(rows.map(({ fields }) => new Map(Object.entries(fields)))).toEqual(expected);
        },
      ),
    );
  });

  it("keeps every digit of integers, alone and in lists", async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }), async (integer) => {
        const [row] = await read(extension, fileOf([`{"seed":${integer},"list":[{"n":${integer}}]}`]));
        expect({ ...row?.fields }).toEqual({ seed: String(integer), list: `[{"n":${integer}}]` });
      }),
    );
  });

  it("takes exactly what JSON.parse takes", async () => {
    const slip = fc.tuple(
      fc.nat(),
      fc.constantFrom("", ",", "[", "]", "{", "}", '"', "\\", ":", "0", "-", ".", "e", "null", "\u0001", " "),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
        slip,
        async (item, [at, put]) => {
          const whole = fileOf([JSON.stringify(item), '"text"']).replaceAll("\n", extension === "jsonl" ? "\n" : "");
          const text = `${whole.slice(0, at % whole.length)}${put}${whole.slice((at % whole.length) + Number(put === ""))}`;
          const outcome = await read(extension, text).then(
            (rows) => rows.length,
            (error: unknown) => error,
          );
          expect(outcome instanceof ConfigError ? "refused" : outcome).toBe(acceptedItems(text, extension) ?? "refused");
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** How many items a file has, by JSON.parse; undefined if it is none of ours. */
function acceptedItems(text: string, extension: string): number | undefined {
  try {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const items: unknown = extension === "json" ? JSON.parse(text) : lines.map((line): unknown => JSON.parse(line));
    if (!Array.isArray(items)) return undefined;
    const isItem = (item: unknown): boolean =>
      typeof item === "string" || (typeof item === "object" && item !== null && !Array.isArray(item));
    return items.every(isItem) ? items.length : undefined;
  } catch {
    return undefined;
  }
}

describe("files longer than a chunk", () => {
  it.each([
    ["txt", "a\n", "x\n", Buffer.from([0xff])],
    ["tsv", "prompt\na\n", "x\n", Buffer.from([0xff])],
    ["csv", "prompt\na\n", "x\n", Buffer.from([0xff])],
    ["jsonl", '"a"\n', '"x"\n', Buffer.from("{")],
    ["json", '["a"', ',"x"', Buffer.from("}")],
  ])(".%s are streamed: what comes early is given before the rest is read", async (extension, first, filler, broken) => {
    const file = join(dir, `streamed.${extension}`);
    await writeFile(file, Buffer.concat([Buffer.from(first + filler.repeat((32 * CHUNK_BYTES) / filler.length)), broken]));
    const given = async (wanted: number) => {
      for await (const { fields } of (await openPromptSource(file)).rows()) if (--wanted === 0) return fields["prompt"];
      return undefined;
    };
    expect(await given(1)).toBe("a");
    await expect(given(Infinity)).rejects.toBeInstanceOf(ConfigError);
  });

  // The end of one line and the start of the next, byte by byte across the border.
  const [before, after] = ['🦊é"x', '"é🦊,"y'];
  const formats: Readonly<Record<string, (filler: string) => string>> = {
    txt: (filler) => `${filler}${before}\r\n${after}`,
    tsv: (filler) => `prompt\tb\r\n${filler}${before}\t\r\n${after}\t`,
    csv: (filler) => `prompt,b\r\n"${`${filler}${before}`.replaceAll('"', '""')}",\r\n"${after.replaceAll('"', '""')}",`,
    jsonl: (filler) => `${JSON.stringify(`${filler}${before}`)}\r\n${JSON.stringify({ prompt: after })}`,
    json: (filler) => `[${JSON.stringify(`${filler}${before}`)},\r\n${JSON.stringify({ prompt: after })}]`,
  };

  it.each(Object.keys(formats))(".%s does not depend on where they are cut", async (extension) => {
    for (let shift = 0; shift < 48; shift++) {
      const filler = "a".repeat(CHUNK_BYTES - shift);
      const rows = await read(extension, formats[extension]!(filler));
      expect(rows.map(({ fields }) => fields["prompt"])).toEqual([`${filler}${before}`, after]);
    }
  });
});
