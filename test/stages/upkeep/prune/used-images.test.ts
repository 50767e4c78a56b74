import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../../src/errors.ts";
import { markUsedImages } from "../../../../src/stages/upkeep/prune/used-images.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { openFixture, type Fixture } from "../../export/fixture-database.ts";

async function usedBy({ db, exportDir }: Fixture): Promise<readonly string[]> {
  const used: string[] = [];
  await markUsedImages({
    db,
    images: { addUsed: (ids) => void used.push(...ids) },
    openStore: (uri) => Promise.resolve(fileStore(uri)),
    exportUri: pathToFileURL(exportDir).href,
    ignoreMissing: false,
    signal: new AbortController().signal,
  });
  return used;
}

describe("markUsedImages()", () => {
  test("finds what a version lists, complete or interrupted", async () => {
    await using fixture = await openFixture();
    const { imageIds } = fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    expect((await usedBy(fixture)).toSorted()).toEqual(imageIds.toSorted());
  });

  test.each<readonly [string, (whole: Buffer) => Buffer | string]>([
    ["cut in the middle of a line", (whole) => whole.subarray(0, whole.length - 20)],
    ["cut after its first image", (whole) => `${String(whole).split("\n").slice(0, 2).join("\n")}\n`],
    ["cut after its header", (whole) => `${String(whole).split("\n")[0]}\n`],
    ["empty", () => ""],
    ["binary", () => Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167) % 256))],
    ["one endless quote", () => `uri,sha256,bytes\n"${"x".repeat(200_000)}`],
    ["without a column", (whole) => String(whole).replaceAll(/,\d+$/gm, "").replace(",bytes", "")],
    ["with a bit of a name flipped", (whole) => String(whole).replace(/i_[0-9a-f]/, "i_g")],
  ])("refuses a list that is %s, as the user's to settle", async (_, damage) => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    const file = join(fixture.exportDir, "v1/images.csv");
    await writeFile(file, damage(await readFile(file)));
    const failure = await usedBy(fixture).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect(String(failure)).toMatch(/Cannot tell which images v1 shows: .*images\.csv/);
  });
});
