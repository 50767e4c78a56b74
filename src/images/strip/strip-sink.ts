/** Where a format's stripping walk says what stays of an image. Pieces come in the order of the file. */
export interface StripSink {
  /** Bytes that stay. They may be changed until `headEnds()`, or the end where that was never called. */
  keep(bytes: Buffer): void;
  /** Bytes that go. */
  drop(count: number): void;
  /** From here on no metadata is expected, so that the length of what stays is known. */
  headEnds(): void;
}
