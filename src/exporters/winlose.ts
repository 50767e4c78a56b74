import type { PictureFormat } from "./picture-format.ts";

/** Two folders with files of the same names, as kohya's and SimpleTuner's paired datasets are laid out. */
export const winloseFormat: PictureFormat = {
  format: "winlose",
  sharded: false,
  about:
    "`winlose/SPLIT/win/` has the chosen pictures, `winlose/SPLIT/lose/` the rejected ones, under the same names (the pair's id), each beside a `.txt` with the prompt. Four files a pair: for datasets that a folder holds.",
  async write(pairs, { split, write }) {
    for await (const { id, row, chosen, rejected } of pairs) {
      const caption = Buffer.from(row.prompt.toWellFormed());
      for (const [side, { picture }] of [
        ["win", chosen],
        ["lose", rejected],
      ] as const) {
        const path = `winlose/${split}/${side}/${id}`;
        await write(`${path}.${picture.extension}`, [picture.bytes], "picture");
        await write(`${path}.txt`, [caption], "picture");
        picture.done();
      }
    }
  },
};
