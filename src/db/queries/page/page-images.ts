import type { Db } from "../../open.ts";

/** A stored image that the page serves. */
export interface StoredImage {
  /** image_id, or the sha256 of a reference. */
  readonly name: string;
  readonly key: string;
  readonly sizeBytes: number;
  /** SHA-256 of the stored file. */
  readonly sha256: string;
}

export interface ShownImage extends StoredImage {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** The part of a prompt that a task shows. */
export interface ShownPrompt {
  readonly prompt: string;
  readonly negative: string;
  /** JSON object: bound name → sha256. */
  readonly references: string;
}

export type PageImageQueries = ReturnType<typeof pageImageQueries>;

/** Prepares the statements that find what a task shows. */
export function pageImageQueries({ client }: Pick<Db, "client">) {
  const image = client.prepare<[string], ShownImage>(`
    select images.image_id as name, key, bytes as sizeBytes, sha256, inspections.width as widthPx, inspections.height as heightPx
    from images join inspections on inspections.image_id = images.image_id
    where images.image_id = ? and state = 'stored' and inspections.width is not null`);
  const reference = client.prepare<[string], StoredImage>(`
    select sha256 as name, key, bytes as sizeBytes, sha256 from reference_files where sha256 = ? and key is not null`);
  const prompt = client.prepare<[string], ShownPrompt>(`
    select prompt, negative, reference_files as "references" from prompts where prompt_key = ?`);

  return {
    /** Returns null if it is no longer stored or could not be decoded. */
    image: (imageId: string): ShownImage | null => image.get(imageId) ?? null,
    /** Returns null if its bytes are not in the store yet. */
    reference: (sha256: string): StoredImage | null => reference.get(sha256) ?? null,
    prompt: (promptKey: string): ShownPrompt | null => prompt.get(promptKey) ?? null,
  };
}
