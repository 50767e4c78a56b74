import { promisify } from "node:util";
import { pack, type Pack } from "tar-stream";
import type { Image, ImageFormat, ImagePair } from "./image-format.ts";

/** Headers of every member: no time, no owner. */
const MEMBER = { mtime: new Date(0), mode: 0o644, uid: 0, gid: 0, type: "file" } as const;

/** Tar files with the member names that the preference-training scripts of diffusers read. */
export const webdatasetFormat: ImageFormat = {
  format: "webdataset",
  isPacked: true,
  about:
    "Tar shards: of each pair `KEY.jpg_0.jpg` (the chosen), `KEY.jpg_1.jpg` (the rejected), `KEY.label_0.txt` (1), `KEY.label_1.txt` (0), `KEY.original_prompt.txt`, and `KEY.json` with ids, seeds and source. The members are called .jpg because diffusers' scripts ask for these names; the bytes are of the format that the pictures have, which Pillow tells by itself.",
  snippet: (split) => `from glob import glob
import webdataset as wds

names = {"jpg_0": "jpg_0.jpg", "jpg_1": "jpg_1.jpg", "label_0": "label_0.txt", "caption": "original_prompt.txt"}
ds = wds.WebDataset(sorted(glob(f"{FOLDER}/webdataset/${split}-*.tar")), shardshuffle=False).decode("pil").rename(**names)
sample = next(iter(ds))`,
  async write(pairs, { filePath, write }) {
    await write(filePath("tar"), encode(pairs), "rows");
  },
};

async function* encode(pairs: AsyncIterable<ImagePair>): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const written = new Map<Buffer, Image["done"]>();
  const fed = feed(tar, pairs, written);
  // A failing source ends the loop below with its own error; without a handler here it would be reported twice.
  fed.catch(() => undefined);
  // Without an encoding a stream yields Buffers, and the same objects that it was given.
  for await (const chunk of tar as AsyncIterable<Buffer>) {
    yield chunk;
    written.get(chunk)?.();
    written.delete(chunk);
  }
  await fed;
}

/** Adds the members of each pair. `written` gets what to call once an image has gone through the tar. */
async function feed(tar: Pack, pairs: AsyncIterable<ImagePair>, written: Map<Buffer, Image["done"]>): Promise<void> {
  const add = promisify((name: string, content: Buffer, done: (error?: Error | null) => void) =>
    tar.entry({ ...MEMBER, name, size: content.length }, content, done),
  );
  try {
    for await (const pair of pairs) {
      for (const [name, content, done] of listMembers(pair)) {
        if (done !== undefined) written.set(content, done);
        await add(`${pair.id}.${name}`, content);
      }
    }
    tar.finalize();
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

type Member = readonly [name: string, content: Buffer, done?: Image["done"]];

/** Returns the members of a pair. Their key ends at the first point of a name, and ids have none. */
function listMembers({ id, row, chosen, rejected, examples }: ImagePair): readonly Member[] {
  const facts = {
    id,
    prompt_key: row.promptKey,
    negative_prompt: row.negativePrompt.toWellFormed(),
    criterion: row.criterion,
    source: row.source,
    image_0_uid: chosen.imageId,
    image_1_uid: rejected.imageId,
    // Text, because readers would round what is over 2^53 - 1.
    seed_0: chosen.seed,
    seed_1: rejected.seed,
    num_example_per_prompt: examples,
  };
  return [
    ["jpg_0.jpg", bufferOf(chosen.image.bytes), chosen.image.done],
    ["jpg_1.jpg", bufferOf(rejected.image.bytes), rejected.image.done],
    ["json", Buffer.from(JSON.stringify(facts))],
    ["label_0.txt", Buffer.from("1")],
    ["label_1.txt", Buffer.from("0")],
    ["original_prompt.txt", Buffer.from(row.prompt.toWellFormed())],
  ];
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
