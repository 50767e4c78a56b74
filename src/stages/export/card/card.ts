import { stringify } from "yaml";
import type { Config } from "../../../config/schema.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import type { ImageFormat } from "../../../exporters/image-format.ts";
import { rowColumns } from "../../../exporters/row-columns.ts";
import { counted } from "../../../lib/words.ts";
import type { SplitRatios } from "../split.ts";
import { cardFeatures, columnTable, pythonFeatures } from "./card-columns.ts";
import { cardTables, tableConfig, tableSection } from "./card-tables.ts";
import type { DataFile, VersionCounts } from "../make/manifest.ts";
import type { PlannedSplit } from "../rows/plan-rows.ts";

/** Characters of a prompt under a sample. */
const PROMPT_CHARS = 120;

/** A pair that the card shows. */
export interface CardSample {
  readonly prompt: string;
  readonly source: string;
  /** Paths in the version. */
  readonly chosen: string;
  readonly rejected: string;
}

/** A format with images, as the card describes it. */
export type CardFormat = Pick<ImageFormat, "format" | "about" | "snippet">;

export interface CardFacts {
  readonly config: Pick<Config, "dataset" | "annotate" | "export">;
  readonly layout: RowLayout;
  readonly splits: readonly PlannedSplit[];
  readonly ratios: SplitRatios;
  readonly counts: VersionCounts;
  /** Rows by source. */
  readonly sources: Readonly<Record<string, number>>;
  readonly models: readonly string[];
  /** Rows by source, for sources that measure something else than preference. */
  readonly technical: readonly (readonly [source: string, count: number])[];
  readonly complete: boolean;
  /** Extension of the data files. */
  readonly extension: string;
  /** SHA-256 (hex) over the data files' checksums. */
  readonly dataSha256: string;
  readonly dataFiles: readonly DataFile[];
  readonly samples: readonly CardSample[];
  readonly formats: readonly CardFormat[];
}

/** Writes `README.md`, which `datasets` and the Hub read, and people. It has neither place, version nor time in it. */
export function cardText(facts: CardFacts): string {
  const tables = cardTables(facts.dataFiles);
  const sections = [
    title(facts),
    warnings(facts),
    samplesSection(facts.samples),
    loading(facts),
    rows(facts),
    ...tables.map((table) => tableSection(table, facts)),
    formatsSection(facts),
    making(facts),
    licence(facts),
  ];
  return `---\n${stringify(frontMatter(facts), { lineWidth: 0 })}---\n\n${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function frontMatter({ config, layout, splits, counts, dataSha256, dataFiles }: CardFacts): object {
  // `datasets` 5.2 names the cache of a local folder by its last name and this block (load.py, LocalDatasetModuleFactory): without the
  // description, v1 of another dataset with the same columns would be loaded in place of this one.
  const description = `rows sha256:${dataSha256}`;
  const files = splits.map(({ split }) => ({ split, path: `data/${split}-*` }));
  const tables = cardTables(dataFiles);
  return {
    pretty_name: config.dataset,
    ...licenceKeys(config.export.card),
    task_categories: ["text-to-image"],
    tags: ["dpo", "preference"],
    size_categories: [sizeCategory(counts.rows)],
    configs: [
      { config_name: "default", default: true, description, data_files: files },
      ...tables.map((table) => tableConfig(table, description)),
    ],
    dataset_info: [
      { config_name: "default", features: cardFeatures(rowColumns(layout)) },
      ...tables.map(({ table }) => ({ config_name: table.name, features: cardFeatures(table.fields(layout)) })),
    ],
  };
}

/** Returns the licence in front matter. The Hub takes its own identifiers only; any other is `other` with a name. */
function licenceKeys({ license, license_link: link }: CardFacts["config"]["export"]["card"]): object {
  if (license === null) return { license: "unknown" };
  const isIdentifier = /^[a-z0-9][a-z0-9.+-]*$/.test(license);
  return {
    ...(isIdentifier ? { license } : { license: "other", license_name: license }),
    ...(link === null ? {} : { license_link: link }),
  };
}

/** Returns the size in the Hub's words. */
function sizeCategory(rowCount: number): string {
  const limits = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
  const names = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"];
  return names[limits.findIndex((limit) => rowCount < limit)] ?? "100M<n<1B";
}

function title({ config, counts, splits }: CardFacts): string {
  const { authors } = config.export.card;
  const by = authors === null ? "" : ` By ${[authors].flat().join(", ")}.`;
  const sizes = splits.map(({ split, rows: count }) => `${split} ${count}`).join(", ");
  return `# ${config.dataset}

Preference pairs for training text-to-image models (DPO and its relatives): ${counted(counts.rows, "row")} (${sizes}) from ${counted(counts.prompts, "prompt")}, showing ${counted(counts.images, "image")}${referencesText(counts)}. Made with comfy-dpo.${by}`;
}

function referencesText({ references = 0 }: VersionCounts): string {
  return references === 0 ? "" : ` made with ${counted(references, "reference picture")}`;
}

function warnings({ technical, complete, counts }: CardFacts): string {
  return [
    ...technical.map(
      ([source, count]) =>
        `> **Technical score, not preference.** ${count} of ${counted(counts.rows, "row")} ${count === 1 ? "was" : "were"} decided by \`${source}\`, which measures the picture (sharpness, contrast, blankness) and knows nothing of the prompt or of what people like. A model trained on them learns that measure.`,
    ),
    ...(complete
      ? []
      : ["> **Not complete.** When this version was written, candidates or votes were still to come. A later version has them."]),
  ].join("\n\n");
}

function loading({ layout, extension, splits }: CardFacts): string {
  const [first] = splits;
  const split = first?.split ?? "train";
  const columns = rowColumns(layout);
  return `## Load

\`\`\`python
from os.path import abspath
from datasets import Features, Image, Value, load_dataset

FOLDER = abspath(".")  # where this file is; "." alone \`datasets\` does not take
ds = load_dataset(FOLDER, split="${split}")  # add streaming=True to read it row by row
\`\`\`

From object storage \`datasets\` does not read this file, so the types have to be given (\`pip install s3fs\` for \`s3://\`):

\`\`\`python
features = ${pythonFeatures(columns)}
files = {"${split}": "s3://BUCKET/PREFIX/VERSION/data/${split}-*.${extension}"}
ds = load_dataset("json", data_files=files, features=features, split="${split}", streaming=True)
\`\`\`

Images are not in these rows. With \`"uri": Image()\` in the place of \`"uri": Value("string")\` they are read as rows are, by fsspec; \`images.csv\` lists each once, with its SHA-256; \`python3 download.py --out pictures\` fetches and checks them all, and goes on where it was interrupted.
\`sha256sum -c SHA256SUMS\` checks the files here; \`schema/\` has the rows' JSON Schema.`;
}

function rows({ layout, ratios, splits }: CardFacts): string {
  const leftOut =
    layout.omitted.length === 0
      ? ""
      : `\n\nLeft out, because no row has a value: ${layout.omitted.map((name) => `\`${name}\``).join(", ")}.`;
  const ratio = `train ${ratios.train}, validation ${ratios.validation}, test ${ratios.test}`;
  return `## Rows

${columnTable(rowColumns(layout))}${leftOut}

Chosen and rejected share the prompt and the size, and differ in their pixels. Ties are not in these rows. Rows are in the order of their ids; where some columns can be null, a row without nulls stands first, because loaders infer types from it.

Splits (${ratio}) follow from the prompt alone: prompts that differ only in case, punctuation or the order of their words go together, and no image is in two splits.${splits.length === 1 ? " So far all rows are in one." : ""}`;
}

function making({ config, sources }: CardFacts): string {
  const policy = config.annotate.pairs[config.export.pairs];
  const decided = Object.entries(sources).map(([source, count]) => `${count} by \`${source}\``);
  const rules =
    policy === undefined
      ? ""
      : ` Pairs: \`${policy.policy}\`, margin at least ${policy.min_margin}, at most ${policy.max_per_prompt} a prompt.`;
  return `## How it was made

Images come from ComfyUI, several seeds a prompt. Who preferred: ${decided.join(", ")}.${rules} Scores are comparable within one prompt only. \`manifest.json\` has the policies and what was left out, by reason; \`stats.json\` has distributions.`;
}

function licence({ config, models }: CardFacts): string {
  const { license, license_link: link, models: told } = config.export.card;
  const own =
    license === null
      ? "**Unknown.** Nobody has said under which terms this dataset may be used."
      : `${license}${link === null ? "" : ` (${link})`}.`;
  const list = models.map(
    (model) => `- ${model === "" ? "(no model named in the workflow)" : `\`${model}\``}: ${told[model] ?? "terms not stated"}`,
  );
  return `## Licence

${own} The images are outputs of these models, whose licences may bind what is made with them:

${list.join("\n")}`;
}

/** Shows the first pairs as small images. Empty where there are none. */
function samplesSection(samples: readonly CardSample[]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(
    ({ prompt, source, chosen, rejected }) => `| ${cell(prompt)} | ![chosen](${chosen}) | ![rejected](${rejected}) | \`${source}\` |`,
  );
  return `## Samples\n\n| prompt | chosen | rejected | source |\n|---|---|---|---|\n${lines.join("\n")}`;
}

/** Escapes a prompt, so that Markdown and HTML show it as it is. */
function cell(prompt: string): string {
  const characters = Array.from(prompt.toWellFormed().replace(/\s+/gu, " ").trim());
  const shown = characters.slice(0, PROMPT_CHARS).join("") + (characters.length > PROMPT_CHARS ? "…" : "");
  return shown.replace(/[\\`*_{}[\]()<>#+!|&~$@:-]/g, (character) => `&#${character.codePointAt(0)};`);
}

/** Says what the files with images are, and how each is read. Empty where there are none. */
function formatsSection({ formats, splits, config }: CardFacts): string {
  if (formats.length === 0) return "";
  const split = splits[0]?.split ?? "train";
  const { format, quality, max_side: maxSide } = config.export.images;
  const kept = format === "original" ? "as they were stored" : `encoded anew as ${format}${format === "png" ? "" : `, quality ${quality}`}`;
  const size = maxSide === null ? "" : `, at most ${maxSide} px a side`;
  const parts = formats.map(({ format: name, about, snippet }) => `### ${name}\n\n${about}\n\n\`\`\`python\n${snippet(split)}\n\`\`\``);
  return `## With the pictures inside

One entry for each pair of a chosen and a rejected picture, ${kept}${size}, without texts, EXIF and XMP. Both pictures of a pair have one size.

${parts.join("\n\n")}`;
}
