import { randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writePieces } from "../../../src/lib/files/write-pieces.ts";

describe("writePieces()", () => {
  test("appends all pieces in their order, the long and the empty ones, too", async () => {
    const dir = await mkdtemp(join(tmpdir(), "comfy-dpo-pieces-"));
    const file = join(dir, "file");
    const pieces = [0, 7, 3_000_000, 50, 1_000_000, 900_000, 0, 800_000, 1].map((length) => randomBytes(length));
    {
      await using handle = await open(file, "w");
      for (const some of [[], pieces, pieces.slice(0, 1), pieces.slice(2, 3)]) await writePieces(handle, some);
    }
    expect((await readFile(file)).equals(Buffer.concat([...pieces, ...pieces.slice(2, 3)]))).toBe(true);
    await rm(dir, { recursive: true });
  });

  test("goes on where the system took only some", async () => {
    const taken: Buffer[] = [];
    const bytes = Buffer.from("one two three");
    // As a file handle that never takes more than 6 bytes at a time: 5 bytes of two pieces, say.
    const take = (pieces: readonly Uint8Array[], from: number) => {
      const some = Buffer.concat(pieces).subarray(from, from + 6);
      taken.push(some);
      return { bytesWritten: some.length };
    };
    const handle = {
      writev: (pieces: readonly Uint8Array[]) => Promise.resolve(take(pieces, 0)),
      write: (piece: Uint8Array, from: number) => Promise.resolve(take([piece], from)),
    };
    await writePieces(handle as never, [bytes.subarray(0, 4), bytes.subarray(4, 8), bytes.subarray(8)]);
    expect(taken.map(String)).toEqual(["one tw", "o ", "three"]);
  });
});
