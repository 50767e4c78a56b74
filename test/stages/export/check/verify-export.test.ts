import { createHash } from "node:crypto";
import { appendFile, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { listExports } from "../../../../src/db/queries/export/exports.ts";
import { verifyExport, type ExportProblem } from "../../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { openFixture, type Fixture } from "../fixture-database.ts";

const DATA = "data/train-00000-of-00001.jsonl";
const THIRDS = { train: 1, validation: 1, test: 1 };

interface Verified {
  readonly problems: readonly ExportProblem[];
  /** `path:line text`, sorted. */
  readonly texts: readonly string[];
  readonly result: { readonly files: number; readonly rows: number; readonly images: number };
}

/** The database knows nothing of what a test forged, unless `isRecorded`. */
async function verify(fixture: Fixture, version = "v1", { isRecorded = false } = {}): Promise<Verified> {
  const problems: ExportProblem[] = [];
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  const { signal } = new AbortController();
  const recorded = isRecorded ? listExports(fixture.db, store.uri).find((each) => each.version === version) : undefined;
  const result = await verifyExport(version, { store, signal, recorded, report: (problem) => void problems.push(problem) });
  const texts = problems.map(({ path, line, text }) => `${path}${line === null ? "" : `:${line}`} ${text}`).toSorted();
  return { problems, texts, result };
}

/** An export of a few rows, as `section` says. */
async function exported(fixture: Fixture, section: object = {}): Promise<(path: string) => string> {
  for (let index = 0; index < 6; index++) fixture.addRow({ prompt: `a picture of ${index}`, agreement: index % 2 ? 1 : null });
  await fixture.export(section);
  return (path) => join(fixture.exportDir, "v1", path);
}

type Edit = (text: string) => string;

/** Changes a file and makes every checksum agree again, as only somebody who knows the format would. */
async function forge(at: (path: string) => string, path: string, edit: Edit, editManifest: Edit = (text) => text): Promise<void> {
  const before = await readFile(at(path));
  const after = Buffer.from(edit(String(before)));
  await writeFile(at(path), after);
  const [oldSum, newSum] = [sha256(before), sha256(after)];
  const sums = String(await readFile(at("SHA256SUMS")));
  const newSums = sums.replace(oldSum, newSum);
  await writeFile(at("SHA256SUMS"), newSums);
  const manifest = String(await readFile(at("manifest.json")));
  const edited = editManifest(manifest.replace(sha256(sums), sha256(newSums)).replace(oldSum, newSum)).replace(
    new RegExp(`(${JSON.stringify(path)}.*?"bytes": )\\d+`, "s"),
    `$1${after.length}`,
  );
  const body = edited.slice(0, edited.lastIndexOf('  "manifest_sha256"'));
  await writeFile(at("manifest.json"), `${body}  "manifest_sha256": "${sha256(body)}"\n}\n`);
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

describe("verifyExport()", () => {
  test.each([{}, { gzip: true, shards: 2 }, { fields: "minimal" }, { seed_format: "string", splits: THIRDS }, { uri_base: "/mnt/a,b" }])(
    "finds nothing wrong with an export under %j",
    async (section) => {
      await using fixture = await openFixture();
      await exported(fixture, section);
      const { texts, result } = await verify(fixture);
      expect(texts).toEqual([]);
      expect(result).toMatchObject({ rows: 6, images: 12, files: [...(await fixture.files()).keys()].length - 1 });
    },
  );

  test.each([DATA, "images.csv", "stats.json", "README.md", "SHA256SUMS", "manifest.json"])(
    "finds any one changed bit of %s",
    async (path) => {
      await using fixture = await openFixture();
      const at = await exported(fixture);
      const bytes = await readFile(at(path));
      for (const place of [0, Math.floor(bytes.length / 2), bytes.length - 2]) {
        const changed = Buffer.from(bytes);
        changed[place] = bytes[place]! ^ 1;
        await writeFile(at(path), changed);
        const { problems } = await verify(fixture);
        expect(problems.map((problem) => problem.path)).toContain(path);
      }
      await writeFile(at(path), bytes);
      expect((await verify(fixture)).texts).toEqual([]);
    },
  );

  test.each([DATA, "images.csv", "stats.json", "README.md", "SHA256SUMS"])("finds that %s is missing", async (path) => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await rm(at(path));
    expect((await verify(fixture)).texts).toContain(`${path} is missing`);
  });

  test.each(["data/train\u0002", "../v1/stats.json", "data//x"])(
    "finds the path %j in SHA256SUMS, which no file can have",
    async (path) => {
      await using fixture = await openFixture();
      const at = await exported(fixture);
      await writeFile(at("SHA256SUMS"), String(await readFile(at("SHA256SUMS"))).replace("stats.json", path));
      const { texts } = await verify(fixture);
      expect(texts).toContain("SHA256SUMS is not the file that the manifest was written with");
      expect(texts).toContain("stats.json is not listed in SHA256SUMS: somebody else put it there");
    },
  );

  test("finds that the manifest is missing, and says what that means", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await rm(at("manifest.json"));
    expect((await verify(fixture)).texts).toEqual(["manifest.json is missing: the version was never completed"]);
  });

  test.each(["data/train-00001-of-00002.jsonl", "notes.txt"])("finds the extra file %s", async (path) => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await writeFile(at(path), "{}\n");
    expect((await verify(fixture)).texts).toEqual([`${path} is not listed in SHA256SUMS: somebody else put it there`]);
  });

  test("finds a file that was cut short", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    const lines = String(await readFile(at(DATA))).split("\n");
    await writeFile(at(DATA), `${lines.slice(0, 4).join("\n")}\n`);
    const { texts, result } = await verify(fixture);
    expect(result.rows).toBe(4);
    expect(texts).toEqual(
      expect.arrayContaining([
        `${DATA} has 4 rows, the manifest says 6`,
        `${DATA} does not have the SHA-256 that SHA256SUMS says`,
        "manifest.json counts 6 rows, the files have 4",
      ]),
    );
  });

  test.each([
    ["an open quote", (text: string) => text.replace(/\n/, '\n"')],
    ["a quote in its header", (text: string) => text.replace("uri,sha256", 'uri,sha"56')],
    ["a line of two fields", (text: string) => text.replace(/,\d+\n$/, "\n")],
    ["a line without end", (text: string) => text + "x".repeat(200_000)],
    ["no bytes", () => ""],
  ])("finds %s in images.csv, and goes on with the other files", async (_, edit) => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await writeFile(at("images.csv"), edit(String(await readFile(at("images.csv")))));
    await appendFile(at("stats.json"), " ");
    const paths = new Set((await verify(fixture)).problems.map(({ path }) => path));
    expect(paths).toContain("images.csv");
    expect(paths).toContain("stats.json");
  });

  test.each([
    ["a few bytes", Buffer.from("tail")],
    ["a megabyte", Buffer.alloc(1_000_000, "x")],
    ["another member", gzipSync("{}\n")],
    ["zeros", Buffer.alloc(300_000)],
  ])("finds %s after the end of gzip", async (_, tail) => {
    await using fixture = await openFixture();
    const at = await exported(fixture, { gzip: true });
    await appendFile(at(`${DATA}.gz`), tail);
    await appendFile(at("stats.json"), " ");
    const paths = new Set((await verify(fixture)).problems.map(({ path }) => path));
    expect(paths).toContain(`${DATA}.gz`);
    expect(paths).toContain("stats.json");
  });

  test("finds broken gzip, and goes on with the other files", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture, { gzip: true });
    const bytes = await readFile(at(`${DATA}.gz`));
    await writeFile(at(`${DATA}.gz`), bytes.subarray(0, -20));
    await appendFile(at("stats.json"), " ");
    const paths = new Set((await verify(fixture)).problems.map(({ path }) => path));
    expect(paths).toContain(`${DATA}.gz`);
    expect(paths).toContain("stats.json");
    await writeFile(at(`${DATA}.gz`), gzipSync("no row\n"));
    expect((await verify(fixture)).texts).toContain(`${DATA}.gz:1 the row is no JSON`);
  });
});

describe("verifyExport() of files whose checksums all agree", () => {
  const line =
    (number: number, edit: Edit): Edit =>
    (text) =>
      text
        .split("\n")
        .map((own, index) => (index === number - 1 ? edit(own) : own))
        .join("\n");

  test("knows a harmless forgery from damage: the helper keeps all checksums right", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await forge(at, "README.md", (text) => `${text}more\n`);
    expect((await verify(fixture)).texts).toEqual([]);
  });

  test("finds a row that shows an image which images.csv does not list", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await forge(
      at,
      DATA,
      line(3, (row) => row.replace(/"uri":"[^"]+"/, '"uri":"s3://bucket/prefix/images/000/i_gone.png"')),
    );
    expect((await verify(fixture)).texts).toEqual([
      `${DATA}:3 the row shows s3://bucket/prefix/images/000/i_gone.png, which images.csv does not list`,
      expect.stringMatching(/^images\.csv:\d+ lists s3:.+, which no row shows$/),
    ]);
  });

  test("finds an image that a row shows and images.csv lost", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await forge(at, "images.csv", (text) => text.split("\n").toSpliced(3, 1).join("\n"));
    expect((await verify(fixture)).texts).toEqual([
      expect.stringMatching(/jsonl:\d the row shows s3:.+, which images\.csv does not list$/),
      "manifest.json counts 12 images, images.csv has 11",
    ]);
  });

  test("finds wrong counts of rows", async () => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    await forge(
      at,
      "README.md",
      (text) => text,
      (manifest) => manifest.replaceAll('"rows": 6', '"rows": 7'),
    );
    expect((await verify(fixture)).texts).toEqual([
      `${DATA} has 6 rows, the manifest says 7`,
      "manifest.json counts 7 rows, the files have 6",
    ]);
  });

  const breaks: readonly (readonly [string, Edit, RegExp])[] = [
    ["another key", (row) => row.replace('"source"', '"Source"'), /has the keys/],
    ["keys in another order", (row) => row.replace(/("n_votes":\d+),("n_candidates":\d+)/, "$2,$1"), /has the keys/],
    ["a float without a point", (row) => row.replace('"agreement":1.0', '"agreement":1'), /not written as this program writes it/],
    ["a string for a number", (row) => row.replace(/"width":64/, '"width":"64"'), /has no int64 at chosen\.width/],
    ["no rejected image", (row) => row.replace(/"rejected":\[.*?\],"prompt_key"/, '"rejected":[],"prompt_key"'), /has no rejected image/],
    ["another id", (row) => row.replace(/"id":"d_./, '"id":"d_z'), /has an id that is not its own/],
    ["images of two sizes", (row) => row.replace('"width":64', '"width":65'), /several sizes/],
    ["a margin of its own", (row) => row.replace(/"margin":[^,]+/, '"margin":0.123'), /margin that is not the difference/],
    ["a presigned URI", (row) => row.replace(/\.png"/, '.png?X-Amz-Signature=1"'), /presigned/],
    ["unsorted meta", (row) => row.replace('"meta":"{}"', '"meta":"{\\"b\\":1,\\"a\\":1}"'), /no JSON object with sorted keys/],
    ["an unknown source", (row) => row.replace('"source":"judge:quality"', '"source":"me"'), /has the source me/],
  ];

  test.each(breaks)("finds a row with %s", async (_, edit, problem) => {
    await using fixture = await openFixture();
    const at = await exported(fixture);
    const first = String(await readFile(at(DATA))).split("\n")[0]!;
    expect(edit(first)).not.toBe(first);
    await forge(at, DATA, line(1, edit));
    const { problems } = await verify(fixture);
    expect(problems.filter(({ path, line: number, text }) => path === DATA && number === 1 && problem.test(text))).toHaveLength(1);
  });

  test("finds a row that stands twice, and one out of order", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 12; index++) fixture.addRow({ prompt: `a picture of ${index}` });
    await fixture.export();
    const at = (path: string): string => join(fixture.exportDir, "v1", path);
    await forge(at, DATA, (text) => {
      const rows = text.split("\n");
      rows[9] = rows[8]!;
      rows[11] = rows[7]!;
      return rows.join("\n");
    });
    const { texts } = await verify(fixture);
    expect(texts).toContain(`${DATA}:10 the row stands twice`);
    expect(texts).toContain(`${DATA}:12 the row does not stand in the order of ids`);
  });

  test("finds a prompt and an image that are in two splits", async () => {
    await using fixture = await openFixture();
    // 1 is in train and 2 in validation at equal thirds.
    fixture.addRow({ prompt: "a picture of 1" });
    fixture.addRow({ prompt: "a picture of 2" });
    await fixture.export({ splits: THIRDS });
    const at = (path: string): string => join(fixture.exportDir, "v1", path);
    const train = String(await readFile(at(DATA)));
    await forge(at, "data/validation-00000-of-00001.jsonl", () => train);
    const { texts } = await verify(fixture);
    expect(texts).toContain("data/validation-00000-of-00001.jsonl:1 the row has a prompt that is in train, too");
    expect(texts.filter((text) => /images\.csv:\d+ the image with sha256 \w+ is in two splits/.test(text))).toHaveLength(2);
  });

  test("finds a row in another split than its own, where no other row tells", async () => {
    await using fixture = await openFixture();
    // 1 is in train and 2 in validation at equal thirds.
    for (const index of [1, 2]) fixture.addRow({ prompt: `a picture of ${index}` });
    await fixture.export({ splits: THIRDS, tables: ["default", "pairs"] });
    const at = (path: string): string => join(fixture.exportDir, "v1", path);
    const ratios: Edit = (text) => text.replace(/("ratios": \{\s+"train": )1(,\s+"validation": )1/, "$10$20");
    await forge(at, "README.md", (text) => text, ratios);
    const { texts } = await verify(fixture);
    const own = (place: string): string =>
      `${place}-00000-of-00001.jsonl:1 the row belongs in test, as its prompt and the ratios in manifest.json say`;
    expect(texts).toEqual(["data/train", "data/validation", "pairs/train", "pairs/validation"].map(own));
    await forge(
      at,
      "README.md",
      (text) => text,
      (text) => text.replace(/("validation": 0,\s+"test": )1/, "$10"),
    );
    expect((await verify(fixture)).texts).toEqual(["manifest.json has no split ratio over 0"]);
  });

  test.each([
    [/("prompts": )6/, "$17", ["counts 7 prompts, the rows have 6"]],
    [/("splits": \{\s+"train": )6/, "$15", ["counts 5 rows of default/train, the files have 6"]],
    [/("pairs": \{\s+"train": )6/, "$17", ["counts 7 rows of pairs/train, the files have 6"]],
    [
      /("pairs": \{\s+)"train"/,
      '$1"test"',
      ["counts 0 rows of pairs/train, the files have 6", "counts 6 rows of pairs/test, the files have 0"],
    ],
  ])("finds that the manifest counts otherwise: %s", async (from, to, problems) => {
    await using fixture = await openFixture();
    const at = await exported(fixture, { tables: ["default", "pairs"] });
    await forge(
      at,
      "README.md",
      (text) => text,
      (manifest) => manifest.replace(from, to),
    );
    expect((await verify(fixture)).texts).toEqual(problems.map((problem) => `manifest.json ${problem}`));
  });
});

describe("verifyExport() of a whole version under another's name", () => {
  test("says whose the files are, and that the database completed others", async () => {
    await using fixture = await openFixture();
    await exported(fixture);
    fixture.addRow({ prompt: "one more" });
    await fixture.export({}, { as: "ac" });
    const folder = (version: string): string => join(fixture.exportDir, version);
    await rm(folder("v1"), { recursive: true });
    await cp(folder("ac"), folder("v1"), { recursive: true });
    expect((await verify(fixture, "v1", { isRecorded: true })).texts).toEqual([
      "manifest.json counts 7 rows, the database completed v1 with 6",
      "manifest.json has other content than the database completed as v1: put its own files back, or export again under another name",
      "manifest.json is of the version ac: give this folder that name again, or put the files of v1 back",
    ]);
    // A name that the database does not know has the manifest alone to say so.
    await cp(folder("ac"), folder("renamed"), { recursive: true });
    expect((await verify(fixture, "renamed", { isRecorded: true })).texts).toEqual([
      "manifest.json is of the version ac: give this folder that name again, or put the files of renamed back",
    ]);
  });
});
