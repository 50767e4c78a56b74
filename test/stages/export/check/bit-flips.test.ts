import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findNewest } from "../../../../src/commands/verify/find-newest.ts";
import { listExports } from "../../../../src/db/queries/export/exports.ts";
import { verifyExport } from "../../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { openFixture, type Fixture } from "../fixture-database.ts";
import { openImageFixture } from "../image-fixture.ts";

// What verify promises: no bit of what was exported changes unseen.

async function problemsOf(fixture: Fixture): Promise<readonly string[]> {
  const problems: string[] = [];
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  const { signal } = new AbortController();
  const newest = await findNewest({ store, db: fixture.db, signal, report: (where, problem) => void problems.push(`${where} ${problem}`) });
  const recorded = listExports(fixture.db, store.uri).map(({ version }) => version);
  for (const version of new Set([...recorded, newest ?? "v1"])) {
    await verifyExport(version, { store, signal, report: ({ path, text }) => void problems.push(`${version}/${path} ${text}`) });
  }
  return problems;
}

/** A whole version and a part, with all the kinds of files that there are. */
async function exported(): Promise<Fixture> {
  const fixture = await openFixture();
  for (let index = 0; index < 6; index++)
    fixture.addRow({ prompt: `prompt ${index}`, agreement: 0.5, references: { pose: "p" }, meta: { n: index } });
  await fixture.export({ gzip: true, shards: 2 }, { croissant: true });
  fixture.addRow({ prompt: "one more", agreement: 1 });
  await fixture.export({}, { since: "v1" });
  return fixture;
}

/** A version with every table and every format with images. */
async function imaged(): Promise<Fixture> {
  const fixture = await openImageFixture();
  const { promptKey, imageIds } = await fixture.addImaged({ prompt: "a cat", scores: [0.9, 0.5, 0.5], seeds: ["1", "2", "3"] });
  fixture.addVote({ voteId: "vote", promptKey, shown: imageIds, ranking: [[imageIds[0]!], imageIds.slice(1)] });
  await fixture.export({
    tables: ["default", "pairs", "rankings", "ties", "votes"],
    formats: ["jsonl", "parquet", "webdataset", "imagefolder", "winlose"],
    images: { format: "jpeg", max_side: 16 },
    card: { samples: 1 },
  });
  return fixture;
}

/** Flips a bit of some bytes at each end of each file, and of some between, one after the other. */
async function flipEverywhere(fixture: Fixture): Promise<void> {
  expect(await problemsOf(fixture)).toEqual([]);
  const flips = [...(await fixture.files())].flatMap(([path, bytes]) => {
    // A gzip file begins with a time and flags that change no content, and ends with a checksum and a length.
    const [first, last] = path.endsWith(".gz") ? [10, 9] : [2, 2];
    const ends = [
      ...Array(Math.min(first, bytes.length)).keys(),
      ...Array.from({ length: Math.min(last, bytes.length) }, (_, at) => bytes.length - 1 - at),
    ];
    const middle = fc.sample(fc.nat(bytes.length - 1), { numRuns: 3, seed: bytes.length });
    return [...new Set([...ends, ...middle])].map((place) => ({ path, bytes, place }));
  });
  for (const [index, { path, bytes, place }] of flips.entries()) {
    const changed = Buffer.from(bytes);
    changed[place]! ^= 1 << (index % 8);
    await writeFile(join(fixture.exportDir, path), changed);
    expect(await problemsOf(fixture), `${path}, byte ${place}, bit ${index % 8}`).not.toEqual([]);
    await writeFile(join(fixture.exportDir, path), bytes);
  }
}

/** Cuts, removes and lengthens each file, and puts a copy beside it, one after the other. */
async function spoilEverywhere(fixture: Fixture): Promise<void> {
  for (const [path, bytes] of await fixture.files()) {
    const file = join(fixture.exportDir, path);
    await truncate(file, bytes.length - 1);
    expect(await problemsOf(fixture), `${path} cut`).not.toEqual([]);
    await rm(file);
    expect(await problemsOf(fixture), `${path} missing`).not.toEqual([]);
    await writeFile(file, Buffer.concat([bytes, Buffer.from("\n")]));
    expect(await problemsOf(fixture), `${path} longer`).not.toEqual([]);
    await writeFile(file, bytes);
    if (!path.includes("/")) continue;
    await writeFile(`${file}.copy`, bytes);
    expect(await problemsOf(fixture), `${path}.copy`).not.toEqual([]);
    await rm(`${file}.copy`);
  }
}

describe("a changed bit", () => {
  test("anywhere in any file of any version is found", async () => {
    await using fixture = await exported();
    expect([...(await fixture.files()).keys()]).toEqual(
      expect.arrayContaining(["LATEST", "v1/croissant.json", "v2/index.json", "v2/stale.csv", "v1/schema/default.schema.json"]),
    );
    await flipEverywhere(fixture);
  }, 120_000);

  test("anywhere in tables, images and formats that hold them is found, and so is a file cut, missing or too many", async () => {
    await using fixture = await imaged();
    const paths = [...(await fixture.files()).keys()];
    const kinds = [
      "pairs/",
      "rankings/",
      "ties/",
      "votes/",
      "parquet/.*parquet$",
      "webdataset/.*tar$",
      "imagefolder/.*jpg$",
      "imagefolder/.*jsonl$",
    ];
    for (const kind of [...kinds, "winlose/.*jpg$", "winlose/.*txt$", "samples/"])
      expect(paths).toContainEqual(expect.stringMatching(`^v1/${kind}`));
    await flipEverywhere(fixture);
    await spoilEverywhere(fixture);
    expect(await problemsOf(fixture)).toEqual([]);
  }, 120_000);

  test("of LATEST is found whichever it is", async () => {
    await using fixture = await exported();
    for (let bit = 0; bit < 24; bit++) {
      const changed = Buffer.from("v1\n");
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(join(fixture.exportDir, "LATEST"), changed);
      expect(await problemsOf(fixture), JSON.stringify(String(changed))).not.toEqual([]);
    }
    await writeFile(join(fixture.exportDir, "LATEST"), "v2\n");
    expect(await problemsOf(fixture)).toEqual([expect.stringContaining("names v2, which is a part")]);
  });

  test("is not needed: a file that is cut, missing or too many is found, too", async () => {
    await using fixture = await exported();
    await spoilEverywhere(fixture);
    expect(await problemsOf(fixture)).toEqual([]);
  }, 120_000);
});
