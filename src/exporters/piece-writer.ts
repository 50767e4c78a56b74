import { ByteWriter } from "hyparquet-writer";
import { freeMemory } from "../lib/free-memory.ts";

/** From here on bytes are kept as they come instead of being copied together: as many as a page of pictures has. */
const LARGE_BYTES = 64 * 1024;

/** Takes what a Parquet writer writes, without a second copy of its long pages, whose memory is nobody's but ours. */
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

  /** What was written since. A piece's memory is given back once the next is asked for; the count of all bytes goes on. */
  *take(): Generator<Uint8Array> {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const piece of pieces) {
      yield piece;
      freeMemory(piece);
    }
  }

  /** Ends the piece that short writes are copied into. */
  #cut(): void {
    if (this.index > 0) this.#pieces.push(this.getBytes().slice());
    this.index = 0;
  }
}
