import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createImageSlots } from "../../../../src/page/server/images/image-slots.ts";

/** Opens streams that contain a word, and counts them. */
function opener() {
  const opened: Readable[] = [];
  return {
    opened,
    open: async () => {
      const stream = Readable.from(["word"]);
      opened.push(stream);
      return { stream };
    },
  };
}

/** Everything that can happen without anybody reading. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await setImmediate();
}

describe("createImageSlots()", () => {
  it("opens no more streams than there are slots, and continues when one is read or abandoned", async () => {
    const slots = createImageSlots({ all: 2, perPerson: 2 });
    const { opened, open } = opener();
    const asked = [1, 2, 3, 4].map((person) => slots.take(person, open));
    await settle();
    expect(opened).toHaveLength(2);
    expect(await text((await asked[0]!).stream)).toBe("word");
    await settle();
    expect(opened).toHaveLength(3);
    (await asked[1]!).stream.destroy();
    expect(await text((await asked[3]!).stream)).toBe("word");
  });

  it("delays only the images of a person who reads nothing", async () => {
    const slots = createImageSlots({ all: 3, perPerson: 1 });
    const { opened, open } = opener();
    for (let image = 0; image < 5; image++) void slots.take(1, open);
    const other = await slots.take(2, open);
    expect(opened).toHaveLength(2);
    expect(await text(other.stream)).toBe("word");
  });

  it("frees the slot of a stream that cannot be opened or is already closed", async () => {
    const slots = createImageSlots({ all: 1, perPerson: 1 });
    await expect(slots.take(1, () => Promise.reject(new Error("away")))).rejects.toThrow("away");
    const { open } = opener();
    const closed = await slots.take(1, async () => {
      const { stream } = await open();
      stream.destroy();
      await settle();
      return { stream };
    });
    expect(closed.stream.closed).toBe(true);
    expect(await text((await slots.take(1, open)).stream)).toBe("word");
  });
});
