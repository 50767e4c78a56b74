import type { Config } from "../config/schema.ts";
import type { ImageCell, Row, RowLayout } from "./row.ts";

/** The formats that carry images, as `export.formats` names them. */
export type ImageFormatName = Exclude<Config["export"]["formats"][number], "jsonl">;

/** An image as it is exported: its bytes, without metadata. */
export interface Image {
  readonly bytes: Uint8Array;
  /** Extension of its format, without the dot. */
  readonly extension: string;
  /** Gives its memory back. Called once for each pair, when the image is written. */
  readonly done: () => void;
}

/** One (chosen, rejected) pair with its images, which are of one size. */
export interface ImagePair {
  /** The id that a row of these two would have, `d_…`. */
  readonly id: string;
  readonly row: Row;
  readonly chosen: ImageCell & { readonly image: Image };
  readonly rejected: ImageCell & { readonly image: Image };
  readonly margin: number | null;
  /** Pairs of this prompt in the whole export. */
  readonly examples: number;
}

/** A chunk may be several pieces of memory, which are written together. */
export type Chunks = AsyncIterable<Uint8Array | readonly Uint8Array[]> | Iterable<Uint8Array | readonly Uint8Array[]>;

/** Where pairs of one file, or one part of a split, go. */
export interface ImagePlace {
  readonly split: string;
  readonly layout: RowLayout;
  /** Returns the path of this file. */
  readonly filePath: (extension: string) => string;
  /** Writes a file of the version. A chunk's memory may be used again once the next is asked for. `rows` is a file that readers open. */
  readonly write: (path: string, chunks: Chunks, kind: "rows" | "image") => Promise<void>;
}

/** A format that carries the images. Equal pairs give equal bytes. */
export interface ImageFormat {
  readonly format: ImageFormatName;
  /** True where a file holds many images and is cut by bytes. False where each image is a file. */
  readonly isPacked: boolean;
  /** Markdown for the card: what a version has in this format. */
  readonly about: string;
  /** Returns Python that reads a split, for the card. It may use `load_dataset` and the constant `FOLDER`. Tested as it stands. */
  readonly snippet: (split: string) => string;
  /** Takes pairs no faster than their bytes are written. */
  write(pairs: AsyncIterable<ImagePair>, place: ImagePlace): Promise<void>;
}
