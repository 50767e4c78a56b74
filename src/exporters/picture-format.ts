import type { ImageCell, Row, RowLayout } from "./exporter.ts";

/** A picture as it is exported: its bytes, without metadata. */
export interface Picture {
  readonly bytes: Uint8Array;
  /** Of its format, without the dot. */
  readonly extension: string;
  /** Gives its memory back: to be called once for each pair, when the picture is written. */
  readonly done: () => void;
}

/** One (chosen, rejected) pair with its pictures, which are of one size. */
export interface PicturePair {
  /** `d_…`: the id that a row of these two has. */
  readonly id: string;
  readonly row: Row;
  readonly chosen: ImageCell & { readonly picture: Picture };
  readonly rejected: ImageCell & { readonly picture: Picture };
  readonly margin: number | null;
  /** Pairs of this prompt in the whole export. */
  readonly examples: number;
}

/** A chunk may be of pieces that lie apart in memory: they are written together. */
export type Chunks = AsyncIterable<Uint8Array | readonly Uint8Array[]> | Iterable<Uint8Array | readonly Uint8Array[]>;

/** Where pairs of one file, or one part of a split, go. */
export interface PicturePlace {
  readonly split: string;
  readonly layout: RowLayout;
  /** The path of this shard. */
  readonly shardPath: (extension: string) => string;
  /** Writes a file of the version; a chunk's memory is another's once the next is asked for. `rows`: it is what a reader opens. */
  readonly write: (path: string, chunks: Chunks, kind: "rows" | "picture") => Promise<void>;
}

/** A format that carries the pictures. Equal pairs give equal bytes. */
export interface PictureFormat {
  readonly format: string;
  /** True: many pictures in a file, files cut by bytes. False: a file each, a split at a time. */
  readonly sharded: boolean;
  /** What a version has in it and how it is read, for the card; Markdown. */
  readonly about: string;
  /** Takes pairs no faster than their bytes are written. */
  write(pairs: AsyncIterable<PicturePair>, place: PicturePlace): Promise<void>;
}
