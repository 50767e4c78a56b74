import { rm, writeFile, readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { parquetReadObjects } from "hyparquet";
import sharp from "sharp";
import { extract } from "tar-stream";
import { describe, expect, test } from "vitest";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { verifyExport } from "../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { readVersion, type Exported } from "./exported.ts";
import { openImageFixture, type ImageFixture } from "./image-fixture.ts";

const ALL = ["jsonl", "parquet", "webdataset", "imagefolder", "winlose"];
const PARQUET = "parquet/train-00000-of-00001.parquet";
const TAR = "webdataset/train-00000-of-00001.tar";

async function rowsOfParquet({ bytes }: Exported, path = PARQUET): Promise<readonly Record<string, unknown>[]> {
  const file = bytes.get(path)!;
  return parquetReadObjects({ file: file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer, utf8: false });
}

async function membersOf({ bytes }: Exported, path = TAR): Promise<ReadonlyMap<string, Buffer>> {
  const members = new Map<string, Buffer>();
  const tar = extract();
  tar.end(bytes.get(path));
  for await (const entry of tar) {
    expect(entry.header).toMatchObject({ uid: 0, gid: 0, mode: 0o644, mtime: new Date(0), uname: "", gname: "" });
    members.set(entry.header.name, Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)));
  }
  return members;
}

const bytesOf = (value: unknown): Buffer => Buffer.from(value as Uint8Array);

async function pixelsOf(bytes: Buffer): Promise<Buffer> {
  return sharp(bytes).removeAlpha().raw().toBuffer();
}

async function addThree(fixture: ImageFixture) {
  return [
    await fixture.addImaged({ prompt: "a cat", scores: [0.9, 0.5, 0.25], seeds: ["5", "6", "7"] }),
    await fixture.addImaged({ prompt: "a \ud800 dog", negative: "cat" }),
    await fixture.addImaged({ prompt: "ein Käse, 猫", source: "people", agreement: 1, nVotes: 2 }),
  ] as const;
}

describe("formats with images", () => {
  test("have every pair with the stored pixels, and none of the texts that ComfyUI writes", async () => {
    await using fixture = await openImageFixture();
    const [cat] = await addThree(fixture);
    await fixture.export({ formats: ALL });
    const version = await readVersion(fixture);
    const rows = await rowsOfParquet(version);
    expect(rows).toHaveLength(4);
    const cats = rows.filter(({ caption }) => caption === "a cat");
    expect(cats).toMatchObject([
      { label_0: 1, label_1: 0, num_example_per_prompt: 2n, seed_0: 5n, seed_1: 6n, has_label: true, are_different: true, margin: 0.4 },
      { label_0: 1, label_1: 0, num_example_per_prompt: 2n, seed_0: 5n, seed_1: 7n, best_image_uid: cat.imageIds[0] },
    ]);
    for (const row of rows) {
      for (const side of ["0", "1"]) {
        const stored = await readFile(fixture.fileOf(String(row[`image_${side}_uid`])));
        const exported = bytesOf(row[`jpg_${side}`]);
        expect(stored.includes("workflow of")).toBe(true);
        expect(await pixelsOf(exported)).toEqual(await pixelsOf(stored));
      }
    }
    for (const [path, bytes] of version.bytes) expect(bytes.includes("workflow of"), path).toBe(false);
  });

  test("hold the same images, whichever format it is", async () => {
    await using fixture = await openImageFixture();
    await addThree(fixture);
    await fixture.export({ formats: ALL });
    const version = await readVersion(fixture);
    const members = await membersOf(version);
    const lines = version
      .text("imagefolder/train/metadata.jsonl")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    const rows = await rowsOfParquet(version);
    expect(members.size).toBe(6 * rows.length);
    expect(lines).toHaveLength(rows.length);
    for (const [index, row] of rows.entries()) {
      const id = String(row["id"]);
      const [chosen, rejected] = [bytesOf(row["jpg_0"]), bytesOf(row["jpg_1"])];
      expect(members.get(`${id}.jpg_0.jpg`)).toEqual(chosen);
      expect(members.get(`${id}.jpg_1.jpg`)).toEqual(rejected);
      expect(String(members.get(`${id}.label_0.txt`))).toBe("1");
      expect(String(members.get(`${id}.label_1.txt`))).toBe("0");
      expect(String(members.get(`${id}.original_prompt.txt`))).toBe(row["caption"]);
      const line = lines[index]!;
      expect(line).toMatchObject({ id, prompt: row["caption"] });
      expect(version.bytes.get(`imagefolder/train/${line["chosen_file_name"]}`)).toEqual(chosen);
      expect(version.bytes.get(`imagefolder/train/${line["rejected_file_name"]}`)).toEqual(rejected);
      expect(version.bytes.get(`winlose/train/win/${id}.png`)).toEqual(chosen);
      expect(version.bytes.get(`winlose/train/lose/${id}.png`)).toEqual(rejected);
      for (const side of ["win", "lose"]) expect(version.text(`winlose/train/${side}/${id}.txt`)).toBe(row["caption"]);
    }
    // The chosen image of two pairs is one file.
    expect(version.paths.filter((path) => path.startsWith("imagefolder/train/images/"))).toHaveLength(7);
  });

  test("are the same bytes every time, and verified like all others", async () => {
    await using fixture = await openImageFixture();
    await addThree(fixture);
    for (const images of [{}, { format: "jpeg", max_side: 40 }, { format: "webp", quality: 80 }, { format: "png" }]) {
      const as = `v-${JSON.stringify(images).replaceAll(/[^a-z0-9]/g, "")}`;
      await fixture.export({ formats: ALL, images }, { as });
      expect((await fixture.export({ formats: ALL, images }, { as })).outcome).toBe("unchanged");
      const problems: string[] = [];
      const { signal } = new AbortController();
      await verifyExport(as, {
        store: fileStore(pathToFileURL(fixture.exportDir).href),
        signal,
        report: ({ path, text }) => void problems.push(`${path} ${text}`),
      });
      expect(problems).toEqual([]);
    }
    const before = await fixture.files();
    await rm(fixture.exportDir, { recursive: true });
    await fixture.export({ formats: ALL }, { as: "v-" });
    const again = [...(await fixture.files())].filter(([path]) => path.startsWith("v-/") && !path.endsWith("manifest.json"));
    expect(again.filter(([path, bytes]) => !bytes.equals(before.get(path)!)).map(([path]) => path)).toEqual([]);
  });

  test("are told in the manifest, with rows that say how many pairs there are", async () => {
    await using fixture = await openImageFixture();
    await addThree(fixture);
    const report = await fixture.export({ formats: ["jsonl", "parquet", "imagefolder"], images: { format: "jpeg" } });
    const manifest = (await readVersion(fixture)).json("manifest.json") as Record<string, unknown>;
    expect(report.rows).toBe(3);
    expect(manifest).toMatchObject({
      tables: ["default"],
      formats: ["jsonl", "parquet", "imagefolder"],
      images: { format: "jpeg", quality: 95, max_side: null },
      counts: { rows: 3, splits: { train: 3 } },
      files: [
        { path: "data/train-00000-of-00001.jsonl", table: "default", rows: 3 },
        { path: PARQUET, table: "pairs", format: "parquet", rows: 4 },
        { path: "imagefolder/train/metadata.jsonl", table: "pairs", format: "imagefolder", rows: 4 },
      ],
    });
  });

  test.each([
    ["jpeg", "jpeg", "jpg"],
    ["webp", "webp", "webp"],
    ["png", "png", "png"],
    ["original", "png", "png"],
  ])("are encoded as %s at the wanted size, both images of a pair alike", async (format, encoded, extension) => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat" }, { widthPx: 90, heightPx: 61 });
    await fixture.export({ formats: ["parquet", "winlose"], images: { format, max_side: 40 } });
    const version = await readVersion(fixture);
    const [row] = await rowsOfParquet(version);
    for (const side of ["jpg_0", "jpg_1"]) {
      expect(await sharp(bytesOf(row![side])).metadata()).toMatchObject({ format: encoded, width: 40, height: 27 });
    }
    expect(version.paths.filter((path) => path.endsWith(`.${extension}`))).toHaveLength(2);
  });

  test("never enlarge, and leave what is small enough as it was", async () => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat" });
    await fixture.export({ formats: ["parquet"] }, { as: "as-stored" });
    await fixture.export({ formats: ["parquet"], images: { max_side: 64 } }, { as: "fits" });
    const [stored, fits] = [await readVersion(fixture, "as-stored"), await readVersion(fixture, "fits")];
    expect(fits.bytes.get(PARQUET)).toEqual(stored.bytes.get(PARQUET));
  });

  test("take transparency away where the format has none, as training loaders do", async () => {
    await using fixture = await openImageFixture();
    const { imageIds } = await fixture.addImaged({ prompt: "a cat" });
    const clear = await sharp({ create: { width: 64, height: 48, channels: 4, background: { r: 200, g: 20, b: 20, alpha: 0 } } })
      .png()
      .toBuffer();
    await writeFile(fixture.fileOf(imageIds[0]!), clear);
    const { createHash } = await import("node:crypto");
    fixture.db.client
      .prepare("update images set sha256 = ?, bytes = ? where image_id = ?")
      .run(createHash("sha256").update(clear).digest("hex"), clear.length, imageIds[0]);
    await fixture.export({ formats: ["parquet"], images: { format: "jpeg" } });
    const [row] = await rowsOfParquet(await readVersion(fixture));
    const [red = 0, green = 0] = await pixelsOf(bytesOf(row!["jpg_0"]));
    expect(red).toBeGreaterThan(190); // The colour that was hidden; not the black of a background.
    expect(green).toBeLessThan(40);
  });

  test("carry seeds up to 2^64 - 1 exactly, and say null of what is not known", async () => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat", seeds: ["18446744073709551615", "9007199254740993"] });
    await fixture.export({ formats: ["parquet", "webdataset"], seed_format: "string" });
    const version = await readVersion(fixture);
    expect(await rowsOfParquet(version)).toMatchObject([{ seed_0: 18446744073709551615n, seed_1: 9007199254740993n }]);
    const json = [...(await membersOf(version))].find(([name]) => name.endsWith(".json"))![1];
    expect(JSON.parse(String(json))).toMatchObject({ seed_0: "18446744073709551615", seed_1: "9007199254740993" });
  });

  test("are cut into shards by number where that is said", async () => {
    await using fixture = await openImageFixture();
    await addThree(fixture);
    await fixture.export({ formats: ["parquet", "webdataset"], shards: 2 });
    const version = await readVersion(fixture);
    const parts = [0, 1].map((index) => `parquet/train-0000${index}-of-00002.parquet`);
    const rows = await Promise.all(parts.map((path) => rowsOfParquet(version, path)));
    expect(rows.flat()).toHaveLength(4);
    expect(version.paths).toContain("webdataset/train-00001-of-00002.tar");
  });
});

describe("an image that is not what was verified", () => {
  test.each([
    ["has another bit", (bytes: Buffer) => bytes.fill(bytes[60]! ^ 1, 60, 61)],
    ["is gone", null],
  ])("ends the export where it %s: named, with what to do, and nothing is published", async (_what, damage) => {
    await using fixture = await openImageFixture();
    const { imageIds } = await fixture.addImaged({ prompt: "a cat" });
    const file = fixture.fileOf(imageIds[1]!);
    if (damage === null) await rm(file);
    else await writeFile(file, damage(await readFile(file)));
    const error = await fixture.export({ formats: ["parquet"] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FatalError);
    expect((error as FatalError).message).toContain(imageIds[1]);
    expect((error as FatalError).hint).toContain(`retry --stage harvest --id ${imageIds[1]}`);
    expect((await fixture.files()).size).toBe(0);
  });

  test.each(["into memory", "as a stream"])("is read again, %s, where the store only stumbles", async (how) => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat" });
    let calls = 0;
    const stumbling = async <Result>(call: () => Promise<Result>): Promise<Result> => {
      if (calls++ < 3) throw new TransientError("busy");
      return call();
    };
    const openStore: NonNullable<Parameters<ImageFixture["export"]>[1]>["openStore"] = (uri) => {
      const store = fileStore(uri.startsWith("file:") ? uri : pathToFileURL(`${fixture.dir}/store`).href);
      if (uri.startsWith("file:")) return Promise.resolve(store);
      const stumbler: ObjectStore = {
        ...store,
        get: (key, signal) => stumbling(() => store.get(key, signal)),
        readInto: (key, bytes) => stumbling(() => store.readInto?.(key, bytes) ?? Promise.resolve(null)),
      };
      if (how === "as a stream") delete stumbler.readInto;
      return Promise.resolve(stumbler);
    };
    await fixture.export({ formats: ["parquet"] }, { openStore });
    expect(await rowsOfParquet(await readVersion(fixture))).toHaveLength(1);
    expect(calls).toBeGreaterThan(3);
  });
});

describe("the card's samples", () => {
  test("show the first pairs as small images without their workflows, the prompts as text", async () => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a <b>cat</b> | ![x](y)" }, { widthPx: 600, heightPx: 300 });
    await fixture.addImaged({ prompt: "a dog" });
    await fixture.export({ card: { samples: 2 } });
    const version = await readVersion(fixture);
    const names = ["samples/01-chosen.webp", "samples/01-rejected.webp", "samples/02-chosen.webp", "samples/02-rejected.webp"];
    expect(version.paths.filter((path) => path.startsWith("samples/"))).toEqual(names);
    const card = version.text("README.md");
    for (const name of names) {
      expect(card).toContain(`](${name})`);
      const { width, height, format } = await sharp(version.bytes.get(name)).metadata();
      expect({ format, fits: Math.max(width, height) <= 256 }).toEqual({ format: "webp", fits: true });
      expect(version.bytes.get(name)!.includes("workflow")).toBe(false);
    }
    expect(card).not.toContain("<b>cat");
    expect(card).not.toContain("![x](y)");
    expect((await fixture.export({ card: { samples: 2 } })).outcome).toBe("unchanged");
  });
});
