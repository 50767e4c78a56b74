import { describe, expect, it } from "vitest";
import { RejectError, TransientError } from "../../../../src/errors.ts";
import { prepareAhead, type PrepareNeeds } from "../../../../src/page/server/images/prepare-ahead.ts";

const image = (name: string) => ({ name, key: name, sizeBytes: 1, sha256: name, widthPx: 1, heightPx: 1 });

/** Runs until it has slept this many times. */
async function run(needs: Pick<PrepareNeeds, "assignments" | "stored" | "images">, sleeps: number): Promise<void> {
  const ending = new AbortController();
  let slept = 0;
  const sleep = (): Promise<void> => {
    if (++slept >= sleeps) ending.abort();
    return Promise.resolve();
  };
  await prepareAhead({ ...needs, clock: { nowMs: () => 0, sleep } }, ending.signal);
}

describe("prepareAhead()", () => {
  it("makes thumbnails in the order of the queue, and checks again later", async () => {
    const made: string[] = [];
    const queue = [['["a","b"]', '["c","gone"]'], ['["d","e"]']];
    await run(
      {
        assignments: { listFrontOfQueue: () => queue.shift() ?? [] },
        stored: { image: (name) => (name === "gone" ? null : image(name)) },
        images: { prepare: async ({ name }) => void made.push(name) },
      },
      3,
    );
    expect(made).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("continues after an image that is not available, and ends at a bug", async () => {
    const made: string[] = [];
    const errors: Readonly<Record<string, Error>> = {
      a: new TransientError("away"),
      b: new RejectError("corrupt", "damaged"),
      x: new TypeError("bug"),
    };
    const needs = (images: string) => ({
      assignments: { listFrontOfQueue: () => [images] },
      stored: { image: image },
      images: {
        prepare: async ({ name }: { readonly name: string }) => {
          const error = errors[name];
          if (error !== undefined) throw error;
          made.push(name);
        },
      },
    });
    await run(needs('["a","b","c"]'), 1);
    expect(made).toEqual(["c"]);
    await expect(run(needs('["x"]'), 1)).rejects.toThrow("bug");
  });
});
