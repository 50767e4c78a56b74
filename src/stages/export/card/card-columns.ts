import type { Feature, Field } from "../../../exporters/row-columns.ts";

/** What each column means, by its name; `.` leads into an image. */
const MEANINGS: Readonly<Record<string, string>> = {
  id: "of the choice itself: the same prompt, criterion and images give the same id, whatever the scores",
  prompt: "the text to train on, verbatim",
  chosen: "the image that was preferred",
  rejected: "the images that were not, best first, never empty",
  prompt_key: "of the prompt with its negative prompt, references and bound values",
  negative_prompt: "empty where there was none",
  criterion: "what was judged",
  source: "who decided: `people`, `judge:NAME` or `combined`",
  margin: "`chosen.score` − `rejected[0].score`",
  agreement: "share of the votes that agree with the outcome; null where a judge decided",
  n_votes: "votes that compared these images",
  n_candidates: "images that the prompt had after filtering",
  references: "pictures that the prompt comes with: their name in the workflow, where they are, and the SHA-256 of the file",
  meta: "JSON object: columns kept from the prompts file",
  ".uri": "where the image is, permanent and never presigned",
  ".seed": "of the sampler; -1 where it is not known",
  ".batch_index": "place in its batch",
  ".image_id": "of the candidate, its output node and place in the batch",
  ".sha256": "of the file",
  ".width": "pixels; equal within a row",
  ".height": "pixels; equal within a row",
  ".variant": "the way it was made, see `params`",
  ".model": "checkpoint or diffusion model",
  ".params": "JSON object: settings of the workflow; `prompt` where the model was sent another text",
  ".score": "by `source`; comparable within a prompt only",
  ".scores": "JSON object: every judge's score of it",
  ".name": "in the workflow",
};

/** Returns what a column means. A column inside an image has a point before its name. */
export function meaningOf(name: string): string {
  return MEANINGS[name] ?? "";
}

/** Returns a Markdown table of all columns. Columns of `chosen` and `rejected` are listed once. */
export function columnTable(fields: readonly Field[], meanings: Readonly<Record<string, string>> = MEANINGS): string {
  const images = fields.find(({ name }) => name === "rejected");
  const rows = [
    ...fields.map((field) => columnRow(field, meanings[field.name])),
    ...innerFields(images?.feature).map((field) =>
      columnRow({ ...field, name: `chosen.${field.name}, rejected[].${field.name}` }, meanings[`.${field.name}`]),
    ),
  ];
  return ["| column | type | meaning |", "|---|---|---|", ...rows].join("\n");
}

function columnRow({ name, feature }: Field, meaning = ""): string {
  return `| ${name
    .split(", ")
    .map((part) => `\`${part}\``)
    .join(", ")} | ${typeName(feature)} | ${meaning} |`;
}

function typeName(feature: Feature): string {
  if ("dtype" in feature) return feature.dtype;
  if ("items" in feature) return `list of ${feature.items.dtype}`;
  return "struct" in feature ? "struct" : "list of structs";
}

function innerFields(feature: Feature | undefined): readonly Field[] {
  if (feature === undefined || "dtype" in feature || "items" in feature) return [];
  return "struct" in feature ? feature.struct : feature.list;
}

/** Returns the features as a dataset card pins them, so that no loader has to infer a type. */
export function cardFeatures(fields: readonly Field[]): readonly object[] {
  return fields.map(({ name, feature }) => {
    if ("dtype" in feature) return { name, dtype: feature.dtype };
    // The one form that every version since 2.21 reads.
    if ("items" in feature) return { name, list: feature.items.dtype };
    return "struct" in feature ? { name, struct: cardFeatures(feature.struct) } : { name, list: cardFeatures(feature.list) };
  });
}

/** Returns the features as Python. Elsewhere than in a local folder or on the Hub, `datasets` does not read the card. */
export function pythonFeatures(fields: readonly Field[]): string {
  return `Features({${fields.map(({ name, feature }) => `\n    "${name}": ${pythonFeature(feature)},`).join("")}\n})`;
}

function pythonFeature(feature: Feature): string {
  if ("dtype" in feature) return `Value("${feature.dtype}")`;
  if ("items" in feature) return `[${pythonFeature(feature.items)}]`;
  const inner = (fields: readonly Field[]): string =>
    `{${fields.map(({ name, feature: type }) => `"${name}": ${pythonFeature(type)}`).join(", ")}}`;
  return "struct" in feature ? inner(feature.struct) : `[${inner(feature.list)}]`;
}
