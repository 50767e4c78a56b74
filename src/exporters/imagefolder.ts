import { hexSet } from "../lib/hex-set.ts";
import { floatText } from "./row-columns.ts";
import type { ImageCell } from "./row.ts";
import type { Image, ImageFormat, ImagePair, ImagePlace } from "./image-format.ts";

/** Hugging Face's ImageFolder: each image is a file, and `metadata.jsonl` has a line for each pair. */
export const imagefolderFormat: ImageFormat = {
  format: "imagefolder",
  isPacked: false,
  about:
    "Each picture is a file under `imagefolder/SPLIT/images/`, once in its split; `imagefolder/SPLIT/metadata.jsonl` has a line for each pair, with the two names in `chosen_file_name` and `rejected_file_name`. For datasets that a folder holds: 100,000 pictures are as many files.",
  snippet: (split) => `# datasets 3.6 or newer
ds = load_dataset("imagefolder", data_dir=f"{FOLDER}/imagefolder", split="${split}")
chosen, rejected = ds[0]["chosen"], ds[0]["rejected"]`,
  async write(pairs, place) {
    await place.write(`imagefolder/${place.split}/metadata.jsonl`, metadata(pairs, place), "rows");
  },
};

async function* metadata(pairs: AsyncIterable<ImagePair>, { split, write, layout }: ImagePlace): AsyncGenerator<Buffer> {
  using written = hexSet();
  const writeImage = async ({ imageId, image }: ImageCell & { readonly image: Image }): Promise<string> => {
    const name = `images/${imageId}.${image.extension}`;
    if (written.add(imageId.slice(2))) await write(`imagefolder/${split}/${name}`, [image.bytes], "image");
    return name;
  };
  const seedOf = ({ seed }: ImageCell): string => (layout.seedFormat === "number" ? seed : JSON.stringify(seed));
  for await (const { id, row, chosen, rejected, margin, examples } of pairs) {
    const fields: readonly (readonly [name: string, json: string])[] = [
      ["chosen_file_name", JSON.stringify(await writeImage(chosen))],
      ["rejected_file_name", JSON.stringify(await writeImage(rejected))],
      ["prompt", textJson(row.prompt)],
      ["id", JSON.stringify(id)],
      ["prompt_key", JSON.stringify(row.promptKey)],
      ["negative_prompt", textJson(row.negativePrompt)],
      ["criterion", textJson(row.criterion)],
      ["source", textJson(row.source)],
      ["chosen_seed", seedOf(chosen)],
      ["rejected_seed", seedOf(rejected)],
      ["num_example_per_prompt", String(examples)],
      ...(layout.omitted.includes("margin") ? [] : [["margin", margin === null ? "null" : floatText(margin)] as const]),
    ];
    chosen.image.done();
    rejected.image.done();
    yield Buffer.from(`{${fields.map(([name, json]) => `"${name}":${json}`).join(",")}}\n`);
  }
}

/** Writes a text as JSON. A lone surrogate in one line would make readers refuse the whole file. */
function textJson(text: string): string {
  return JSON.stringify(text.toWellFormed());
}
