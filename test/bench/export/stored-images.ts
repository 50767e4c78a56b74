import { createHash } from "node:crypto";
import { mkdirSync, openSync, closeSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { openDatabase } from "../../../src/db/open.ts";
import type { BenchProject } from "../bench-project.ts";
import { noisePixels, imageBytes } from "../harvest/image-bytes.ts";

export interface ImageSizes {
  readonly fromBytes: number;
  readonly toBytes: number;
}

/** Lengths from one end to the other, again and again: no two neighbours are alike. */
const LENGTHS = 16;

/** Puts the images that a linkable project promises into its folder store; answers their files and all their bytes. */
export function storeImages(
  project: BenchProject,
  { fromBytes, toBytes }: ImageSizes,
): { readonly files: readonly string[]; readonly bytes: number } {
  const pixels = Array.from({ length: LENGTHS }, (_, index) => noisePixels(fromBytes + ((toBytes - fromBytes) * index) / (LENGTHS - 1)));
  const files: string[] = [];
  let bytes = 0;
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    const rows = db.client.prepare<[], { readonly image_id: string; readonly key: string }>("select image_id, key from images").all();
    const update = db.client.prepare("update images set sha256 = ?, bytes = ? where image_id = ?");
    db.client.transaction(() => {
      for (const [index, { image_id: imageId, key }] of rows.entries()) {
        const own = pixels[index % LENGTHS];
        if (own === undefined) throw new Error("there are as many kinds of images as lengths");
        const pieces = imageBytes(own, imageId);
        const file = join(project.dir, "runs/store", key);
        write(file, pieces);
        const sha256 = createHash("sha256");
        for (const piece of pieces) sha256.update(piece);
        const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
        update.run(sha256.digest("hex"), sizeBytes, imageId);
        files.push(file);
        bytes += sizeBytes;
      }
    })();
  } finally {
    db.close();
  }
  return { files, bytes };
}

function write(file: string, pieces: readonly Uint8Array[]): void {
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, "w");
  for (const piece of pieces) writeSync(handle, piece);
  closeSync(handle);
}
