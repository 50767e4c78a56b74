import type { ImageFormat } from "./image-format.ts";

/** Two folders with files of the same names, the layout of paired datasets of kohya and SimpleTuner. */
export const winloseFormat: ImageFormat = {
  format: "winlose",
  isPacked: false,
  about:
    "`winlose/SPLIT/win/` has the chosen pictures, `winlose/SPLIT/lose/` the rejected ones, under the same names (the pair's id), each beside a `.txt` with the prompt. Four files a pair: for datasets that a folder holds.",
  snippet: (split) => `from pathlib import Path
from PIL import Image as Pictures

for chosen in sorted(Path(FOLDER, "winlose/${split}/win").glob("*.[!t]*")):
    rejected = next(Path(FOLDER, "winlose/${split}/lose").glob(f"{chosen.stem}.[!t]*"))
    pair = Pictures.open(chosen), Pictures.open(rejected), chosen.with_suffix(".txt").read_text("utf-8")`,
  async write(pairs, { split, write }) {
    for await (const { id, row, chosen, rejected } of pairs) {
      const caption = Buffer.from(row.prompt.toWellFormed());
      for (const [side, { image }] of [
        ["win", chosen],
        ["lose", rejected],
      ] as const) {
        const path = `winlose/${split}/${side}/${id}`;
        await write(`${path}.${image.extension}`, [image.bytes], "image");
        await write(`${path}.txt`, [caption], "image");
        image.done();
      }
    }
  },
};
