import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../src/errors.ts";
import { readAll } from "../../src/stores/read-all.ts";

const streamOf = (...chunks: readonly string[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

describe("readAll()", () => {
  it("reads exactly what was recorded", async () => {
    expect(Buffer.from(await readAll(streamOf("ab", "c"), 3)).toString()).toBe("abc");
  });

  it("reads into memory that it is given", async () => {
    const into = Buffer.alloc(3);
    for (const stream of [streamOf("ab", "c"), streamOf("abc")]) {
      into.fill(0);
      expect(await readAll(stream, 3, into)).toBe(into);
      expect(String(into)).toBe("abc");
    }
  });

  it("takes another length for passing trouble, and reads no further than the recorded length", async () => {
    await expect(readAll(streamOf("ab"), 3)).rejects.toThrow(TransientError);
    const long = streamOf("ab", "cd", "ef");
    await expect(readAll(long, 3)).rejects.toThrow(/longer than the 3 bytes/);
    expect(long.destroyed).toBe(true);
  });

  it("passes on what the store already classed, and takes a broken stream for passing trouble", async () => {
    const failing = (error: Error) =>
      new Readable({
        read() {
          this.destroy(error);
        },
      });
    const refused = new FatalError("403");
    await expect(readAll(failing(refused), 3)).rejects.toBe(refused);
    await expect(readAll(failing(new Error("ECONNRESET")), 3)).rejects.toThrow(TransientError);
  });
});
