import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ExportOptions, ExportReport } from "../../../src/stages/export/export.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import { makeImage, type ImageOptions } from "../../helpers/images.ts";
import { openFixture, type AddedRow, type Fixture, type FixtureRow } from "./fixture-database.ts";

export interface ImageFixture extends Fixture {
  /** A row whose images have images in a store. */
  addImaged(row: FixtureRow, options?: ImageOptions): Promise<AddedRow>;
  addVote(vote: FixtureVote): void;
  /** Where a stored image's file is. */
  fileOf(imageId: string): string;
}

export interface FixtureVote {
  readonly voteId: string;
  readonly promptKey: string;
  readonly shown: readonly string[];
  readonly ranking?: readonly (readonly string[])[];
  readonly kind?: "choice" | "tie" | "both_bad" | "skip";
  readonly annotator?: string;
  readonly criterion?: string;
  readonly durationMs?: number | null;
}

/** A fixture whose images are there: PNGs with texts in them, as ComfyUI's are. */
export async function openImageFixture(): Promise<ImageFixture> {
  const fixture = await openFixture();
  const images = join(fixture.dir, "store");
  const openStore = (uri: string) => Promise.resolve(fileStore(uri.startsWith("file:") ? uri : pathToFileURL(images).href));
  const keyOf = (imageId: string): string =>
    fixture.db.client.prepare<[string], string>("select key from images where image_id = ?").pluck().get(imageId) ?? "";
  const fileOf = (imageId: string): string => join(images, keyOf(imageId));
  let seed = 0;

  return {
    ...fixture,
    fileOf,
    async addImaged(row, options = {}) {
      const added = fixture.addRow(row);
      for (const imageId of added.imageIds) {
        const bytes = await makeImage({ seed: ++seed, comment: `workflow of ${imageId}`, ...options });
        await mkdir(dirname(fileOf(imageId)), { recursive: true });
        await writeFile(fileOf(imageId), bytes);
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        const { widthPx = 64, heightPx = 48 } = options;
        fixture.db.client
          .prepare("update images set sha256 = ?, bytes = ?, width = ?, height = ? where image_id = ?")
          .run(sha256, bytes.length, widthPx, heightPx, imageId);
        fixture.db.client
          .prepare("update inspections set pixel_sha256 = ?, perceptual_hash = ?, luma_std = 50, width = ?, height = ? where image_id = ?")
          .run(sha256, sha256.slice(0, 16), widthPx, heightPx, imageId);
      }
      return added;
    },
    addVote({ voteId, promptKey, shown, ranking = [], kind = "choice", annotator = "ann", criterion = "overall", durationMs = 1_200 }) {
      fixture.db.client
        .prepare(
          `insert into votes (vote_id, prompt_key, criterion, annotator, shown, ranking, kind, flags, duration_ms, cast_at_ms, source)
          values (?, ?, ?, ?, ?, ?, ?, '{}', ?, 1767225600000, 'test')`,
        )
        .run(voteId, promptKey, criterion, annotator, JSON.stringify(shown), JSON.stringify(ranking), kind, durationMs);
    },
    export: (section = {}, options: Partial<ExportOptions> = {}, needs = {}): Promise<ExportReport> =>
      fixture.export(section, { openStore, ...options }, needs),
  };
}
