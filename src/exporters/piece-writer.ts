import { ByteWriter } from "hyparquet-writer";

/** From here on bytes are kept as they come instead of being copied together. */
const LARGE_BYTES = 64 * 1024;

/** Takes what a Parquet writer writes, without copying what is long: a picture lies where it was read to until it is written. */
export class PieceWriter extends ByteWriter {
  #pieces: Uint8Array[] = [];

  override appendBytes(bytes: Uint8Array): void {
    if (bytes.length < LARGE_BYTES) {
      super.appendBytes(bytes);
      return;
    }
    this.#cut();
    this.#pieces.push(bytes);
    this.offset += bytes.length;
  }

  /** What was written since; the count of all bytes goes on. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** Ends the piece that short writes are copied into. */
  #cut(): void {
    if (this.index > 0) this.#pieces.push(this.getBytes().slice());
    this.index = 0;
  }
}
