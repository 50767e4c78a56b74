import { createHash } from "node:crypto";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openDatabase } from "../../../src/db/open.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import { makeImage } from "../../helpers/images.ts";
import type { BenchProject } from "../bench-project.ts";
import { listedProject } from "../harvest/listed-project.ts";

/** Different images; every image is one of them, under its own name. */
const IMAGES = 12;
/** Nothing listens there, and nobody is asked. */
const NO_SERVER = "http://127.0.0.1:9";

export interface StoredProject extends BenchProject {
  /** The files of the images, in the order of their rows. */
  readonly paths: readonly string[];
}

export interface StoredProjectOptions {
  readonly images: number;
  readonly sidePx: number;
  /** As if `judge` had looked at the images already. */
  readonly isInspected: boolean;
  readonly annotate: Readonly<Record<string, unknown>>;
}

/** A project as harvest leaves it: every image stored, in a folder. */
export async function storedProject({ images, sidePx, isInspected, annotate }: StoredProjectOptions): Promise<StoredProject> {
  const project = await listedProject({ jobs: images, url: NO_SERVER, annotate });
  const store = fileStore(pathToFileURL(join(project.dir, "runs/images")).href);
  const files = await Promise.all(
    Array.from({ length: IMAGES }, async (_, index) => {
      const bytes = await makeImage({ widthPx: sidePx, heightPx: sidePx, seed: index + 1 });
      const path = join(project.dir, `image-${index}.png`);
      writeFileSync(path, bytes);
      return { path, sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
    }),
  );
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    const ids = db.client.prepare<[], string>("select image_id from images order by rowid").pluck().all();
    const keep = db.client.prepare(
      "update images set state = 'stored', key = ?, sha256 = ?, bytes = ?, format = 'png', width = ?, height = ? where image_id = ?",
    );
    const inspect = db.client.prepare(`
      insert into inspections (image_id, pixel_sha256, perceptual_hash, width, height, luma_std, sharpness, entropy)
      values (?, ?, '0123456789abcdef', ?, ?, 40, 10, 7)`);
    const paths = ids.map((imageId, index) => {
      const file = files[index % files.length]!;
      const key = `images/${imageId.slice(2, 5)}/${imageId}.png`;
      const path = fileURLToPath(store.uriOf(key));
      mkdirSync(dirname(path), { recursive: true });
      linkSync(file.path, path);
      return { imageId, key, sizeBytes: file.sizeBytes, sha256: file.sha256, path };
    });
    db.client.transaction(() => {
      for (const { imageId, key, sha256, sizeBytes } of paths) {
        keep.run(key, sha256, sizeBytes, sidePx, sidePx, imageId);
        if (isInspected) inspect.run(imageId, imageId, sidePx, sidePx);
      }
    })();
    return { ...project, paths: paths.map(({ path }) => path) };
  } finally {
    db.close();
    await store.close();
  }
}
