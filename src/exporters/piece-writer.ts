import { ByteWriter } from "hyparquet-writer";

/** From here on bytes are kept as they come instead of being copied together. */
const LARGE_BYTES = 64 * 1024;

/** Takes what a Parquet writer writes, without copying what is long: an image lies where it was read to until it is written. */
export class PieceWriter extends ByteWriter {
  #pieces: Uint8Array[] = [];
  /** Where short writes since the last piece begin in the buffer. */
  #from = 0;

  override appendBytes(bytes: Uint8Array): void {
    if (bytes.length < LARGE_BYTES) {
      super.appendBytes(bytes);
      return;
    }
    this.#cut();
    this.#pieces.push(bytes);
    this.offset += bytes.length;
  }

  /** What was written since, in memory that the next write takes again; the count of all bytes goes on. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.index = 0;
    this.#from = 0;
    return pieces;
  }

  /** Ends the piece that short writes are copied into. Where the buffer grows, earlier pieces keep lying in the smaller one. */
  #cut(): void {
    if (this.index > this.#from) this.#pieces.push(this.getBytes().subarray(this.#from));
    this.#from = this.index;
  }
}
