import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { ExportedImage } from "../../../../src/db/queries/export/row-records.ts";
import { openImageRuns } from "../../../../src/stages/export/make/image-runs.ts";

const sha256 = "ab".repeat(32);
const image = fc.record({
  id: fc.stringMatching(/^i_[0-9a-f]{1,3}$/),
  uri: fc.oneof(
    fc.webUrl(),
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.stringMatching(/^["\\\n ,!\uffff]{0,4}$/),
    fc.constantFrom("\u{10000}", "\uff00"),
  ),
  sha256: fc.constant(sha256),
  bytes: fc.nat(),
  isReference: fc.constantFrom(0 as const, 1 as const),
});

it("gives back every image by the bytes of its URI and by its id, however many runs they make", () => {
  const folder = mkdtempSync(join(tmpdir(), "comfy-dpo-runs-"));
  try {
    fc.assert(
      fc.property(fc.array(image, { maxLength: 40 }), fc.integer({ min: 1, max: 2_000 }), (images, runBytes) => {
        using runs = openImageRuns(join(folder, "images"), runBytes);
        for (const one of images) runs.add(one);
        const sorted = [...runs.sorted()];
        expect(sorted.map(keyOf)).toEqual(images.map(keyOf).toSorted((first, second) => Buffer.compare(first, second)));
        expect(sorted.map(textOf).toSorted()).toEqual(images.map(textOf).toSorted());
      }),
    );
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("reads lines that are longer than what is read at a time", () => {
  const folder = mkdtempSync(join(tmpdir(), "comfy-dpo-runs-"));
  using runs = openImageRuns(folder, 200_000);
  const images = ["a", "b", "c", "d", "e"].map((letter): ExportedImage => {
    return { id: `i_${letter}`, uri: letter.repeat(50_000), sha256, bytes: 1, isReference: 0 };
  });
  for (const one of images.toReversed()) runs.add(one);
  expect([...runs.sorted()]).toEqual(images);
});

function keyOf({ uri, id }: ExportedImage): Buffer {
  return Buffer.concat([Buffer.from(uri), Buffer.from([0]), Buffer.from(id)]);
}

function textOf(one: ExportedImage): string {
  return JSON.stringify(one, Object.keys(one).toSorted());
}
