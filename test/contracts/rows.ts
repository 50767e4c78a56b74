import type { ImageCell, Row } from "../../src/exporters/row.ts";

/** An image as stages hand it to exporters. */
export function imageCell(number: number, cell: Partial<ImageCell> = {}): ImageCell {
  return {
    uri: `s3://bucket/prefix/images/000/i_${number}.png`,
    seed: String(number),
    batchIndex: 0,
    imageId: `i_${number}`,
    sha256: String(number).padStart(64, "0"),
    widthPx: 64,
    heightPx: 48,
    variant: "base",
    model: "sd15.safetensors",
    params: '{"cfg":7}',
    score: 0.5,
    scores: '{"quality":0.5}',
    ...cell,
  };
}

/** A row as stages hand it to exporters. */
export function exportRow(number: number, row: Partial<Row> = {}): Row {
  return {
    id: `d_${String(number).padStart(8, "0")}`,
    prompt: `a picture of ${number}`,
    chosen: imageCell(2 * number, { score: 1 }),
    rejected: [imageCell(2 * number + 1, { score: 0.25 })],
    promptKey: `p_${number}`,
    negativePrompt: "",
    criterion: "overall",
    source: "people",
    margin: 0.75,
    agreement: 1,
    nVotes: 3,
    nCandidates: 4,
    references: [],
    meta: "{}",
    ...row,
  };
}

/** Rows, or pairs, as the export stage gives them. */
export async function* asyncRows<Item>(
  rows: readonly Item[],
  wait: () => Promise<unknown> = () => Promise.resolve(),
): AsyncGenerator<Item> {
  for (const row of rows) {
    await wait();
    yield row;
  }
}

/** The bytes of a file. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}
