import { FatalError, messageOf } from "../../../errors.ts";
import type { CardSample } from "../card/card.ts";
import type { SpooledFile } from "../make/spool.ts";
import { fetchImage } from "./fetch-image.ts";
import type { ImageSource } from "./write-images.ts";

/** Longest side of a sample, in pixels: two stand beside each other on a card. */
const SIDE_PX = 256;
const QUALITY = 80;

export interface WrittenSample extends CardSample {
  readonly files: readonly SpooledFile[];
}

/** Writes small images of the first pairs. Rows stand in the order of hashes, so that these are a random choice. */
export async function writeSamples(count: number, source: ImageSource): Promise<readonly WrittenSample[]> {
  const [first] = source.planned;
  if (count === 0 || first === undefined) return [];
  const samples: WrittenSample[] = [];
  for await (const row of source.rowsOf(first)) {
    const [rejected] = row.rejected;
    if (rejected === undefined) continue;
    const name = `samples/${String(samples.length + 1).padStart(2, "0")}`;
    const chosen = await writeSample(row.chosen.imageId, { path: `${name}-chosen.webp`, source });
    const other = await writeSample(rejected.imageId, { path: `${name}-rejected.webp`, source });
    samples.push({ prompt: row.prompt, source: row.source, chosen: chosen.path, rejected: other.path, files: [chosen, other] });
    if (samples.length === count) break;
  }
  return samples;
}

async function writeSample(
  imageId: string,
  { path, source }: { readonly path: string; readonly source: ImageSource },
): Promise<SpooledFile> {
  const [record] = source.queries.readStoredImages([imageId]);
  if (record === undefined) throw new Error(`image ${imageId} left the snapshot`);
  const bytes = Buffer.allocUnsafeSlow(record.bytes);
  await fetchImage(record, bytes, source);
  const { default: sharp } = await import("sharp");
  try {
    const small = await sharp(bytes)
      .resize(SIDE_PX, SIDE_PX, { fit: "inside", withoutEnlargement: true })
      .webp({ quality: QUALITY })
      .toBuffer();
    return await source.spool.write(path, [small]);
  } catch (error) {
    if (error instanceof FatalError) throw error;
    throw new FatalError(`Cannot show ${imageId} on the dataset card: ${messageOf(error)}`, {
      hint: "export.card.samples: 0 leaves the samples out",
      cause: error,
    });
  }
}
