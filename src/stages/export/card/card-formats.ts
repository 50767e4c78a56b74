import type { PlannedSplit } from "../rows/plan-rows.ts";

/** A format with images, as the card tells of it. */
export interface CardFormat {
  readonly format: string;
  /** Markdown. */
  readonly about: string;
}

interface FormatFacts {
  readonly formats: readonly CardFormat[];
  readonly splits: readonly PlannedSplit[];
  readonly config: {
    readonly export: { readonly images: { readonly format: string; readonly quality: number; readonly max_side: number | null } };
  };
}

/** What the files with images are, and how each is read; empty where there are none. */
export function formatsSection({ formats, splits, config }: FormatFacts): string {
  if (formats.length === 0) return "";
  const split = splits[0]?.split ?? "train";
  const { format, quality, max_side: maxSide } = config.export.images;
  const kept = format === "original" ? "as they were stored" : `encoded anew as ${format}${format === "png" ? "" : `, quality ${quality}`}`;
  const size = maxSide === null ? "" : `, at most ${maxSide} px a side`;
  const parts = formats.map(({ format: name, about }) => `### ${name}\n\n${about}${loadSnippet(name, split)}`);
  return `## With the pictures inside

One entry for each pair of a chosen and a rejected picture, ${kept}${size}, without texts, EXIF and XMP. Both pictures of a pair have one size.

${parts.join("\n\n")}`;
}

function loadSnippet(format: string, split: string): string {
  const code = SNIPPETS[format]?.(split);
  return code === undefined ? "" : `\n\n\`\`\`python\n${code}\n\`\`\``;
}

/** Tested as they stand. Not through the card: all its configurations are read by one loader. */
const SNIPPETS: Readonly<Record<string, (split: string) => string>> = {
  parquet: (split) => `from io import BytesIO
from PIL import Image as Pictures

ds = load_dataset("parquet", data_files={"${split}": f"{FOLDER}/parquet/${split}-*.parquet"}, split="${split}")
chosen, rejected = (Pictures.open(BytesIO(ds[0][name])).convert("RGB") for name in ("jpg_0", "jpg_1"))`,
  webdataset: (split) => `from glob import glob
import webdataset as wds

names = {"jpg_0": "jpg_0.jpg", "jpg_1": "jpg_1.jpg", "label_0": "label_0.txt", "caption": "original_prompt.txt"}
ds = wds.WebDataset(sorted(glob(f"{FOLDER}/webdataset/${split}-*.tar")), shardshuffle=False).decode("pil").rename(**names)
sample = next(iter(ds))`,
  imagefolder: (split) => `# datasets 3.6 or newer
ds = load_dataset("imagefolder", data_dir=f"{FOLDER}/imagefolder", split="${split}")
chosen, rejected = ds[0]["chosen"], ds[0]["rejected"]`,
  winlose: (split) => `from pathlib import Path
from PIL import Image as Pictures

for chosen in sorted(Path(FOLDER, "winlose/${split}/win").glob("*.[!t]*")):
    rejected = next(Path(FOLDER, "winlose/${split}/lose").glob(f"{chosen.stem}.[!t]*"))
    pair = Pictures.open(chosen), Pictures.open(rejected), chosen.with_suffix(".txt").read_text("utf-8")`,
};
