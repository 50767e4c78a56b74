import type { ImageCell, Row, RowLayout } from "./row.ts";

/** An image as it is exported: its bytes, without metadata. */
export interface Image {
  readonly bytes: Uint8Array;
  /** Of its format, without the dot. */
  readonly extension: string;
  /** Gives its memory back: to be called once for each pair, when the image is written. */
  readonly done: () => void;
}

/** One (chosen, rejected) pair with its images, which are of one size. */
export interface ImagePair {
  /** `d_…`: the id that a row of these two has. */
  readonly id: string;
  readonly row: Row;
  readonly chosen: ImageCell & { readonly image: Image };
  readonly rejected: ImageCell & { readonly image: Image };
  readonly margin: number | null;
  /** Pairs of this prompt in the whole export. */
  readonly examples: number;
}

/** A chunk may be of pieces that lie apart in memory: they are written together. */
export type Chunks = AsyncIterable<Uint8Array | readonly Uint8Array[]> | Iterable<Uint8Array | readonly Uint8Array[]>;

/** Where pairs of one file, or one part of a split, go. */
export interface ImagePlace {
  readonly split: string;
  readonly layout: RowLayout;
  /** The path of this shard. */
  readonly shardPath: (extension: string) => string;
  /** Writes a file of the version; a chunk's memory is another's once the next is asked for. `rows`: it is what a reader opens. */
  readonly write: (path: string, chunks: Chunks, kind: "rows" | "image") => Promise<void>;
}

/** A format that carries the images. Equal pairs give equal bytes. */
export interface ImageFormat {
  readonly format: string;
  /** True: many images in a file, files cut by bytes. False: a file each, a split at a time. */
  readonly sharded: boolean;
  /** What a version has in it and how it is read, for the card; Markdown. */
  readonly about: string;
  /** Takes pairs no faster than their bytes are written. */
  write(pairs: AsyncIterable<ImagePair>, place: ImagePlace): Promise<void>;
}
