import { seedFeature } from "../../../exporters/row-columns.ts";
import { tableRowJson, type TableRow } from "../../../exporters/table-row.ts";
import { SPLITS } from "../split.ts";
import { listPairs, type RowPair } from "../rows/row.ts";
import { scalars, type Table } from "./table.ts";

/** One row a (chosen, rejected) pair, flat, under the names that Pick-a-Pic's readers know. */
export const pairsTable: Table = {
  name: "pairs",
  isSorted: false,
  about:
    "A row is one pair: the chosen image of a row of `default` with one of its rejected images. The chosen one is always `image_0`, `label_0` is always 1.0, so that readers which ignore labels are right, too. Ties are not here.",
  meanings: {
    id: "of the choice between these two: that of a row of `default` with this one rejected image",
    prompt: "the text to train on, verbatim",
    caption: "the same, as Pick-a-Pic calls it",
    chosen_uri: "where the preferred image is, permanent and never presigned",
    rejected_uri: "likewise, of the other",
    chosen_seed: "of the sampler; -1 where it is not known",
    rejected_seed: "likewise",
    image_0_uid: "image_id of the chosen image",
    image_1_uid: "image_id of the rejected image",
    image_0_sha256: "of the chosen image's file",
    image_1_sha256: "of the rejected image's file",
    label_0: "1.0: the chosen",
    label_1: "0.0: the rejected",
    num_example_per_prompt: "pairs of this prompt in the table: 1 / this weighs every prompt alike",
    margin: "chosen score − rejected score; comparable within one source",
    width: "pixels, of both",
    height: "pixels, of both",
    model_0: "checkpoint or diffusion model of the chosen image",
    model_1: "of the rejected image",
    prompt_key: "of the prompt with its negative prompt, references and bound values",
    negative_prompt: "empty where there was none",
    criterion: "what was judged",
    source: "who decided: `people`, `judge:NAME` or `combined`",
  },
  fields: (layout) => [
    ...scalars("string", "id", "prompt", "caption", "chosen_uri", "rejected_uri"),
    ...scalars(seedFeature(layout).dtype, "chosen_seed", "rejected_seed"),
    ...scalars("string", "image_0_uid", "image_1_uid", "image_0_sha256", "image_1_sha256"),
    ...scalars("float64", "label_0", "label_1"),
    ...scalars("int64", "num_example_per_prompt"),
    ...(layout.omitted.includes("margin") ? [] : scalars("float64", "margin")),
    ...scalars("int64", "width", "height"),
    ...scalars("string", "model_0", "model_1", "prompt_key", "negative_prompt", "criterion", "source"),
  ],
  problems: (row) => [
    ...(row["label_0"] === 1 && row["label_1"] === 0 ? [] : ["has labels other than 1.0 and 0.0"]),
    ...(row["prompt"] === row["caption"] ? [] : ["has a caption that is not its prompt"]),
    ...(row["image_0_sha256"] === row["image_1_sha256"] ? ["has the same file on both sides"] : []),
    ...(Number(row["num_example_per_prompt"]) >= 1 ? [] : ["counts no pair of its prompt"]),
  ],
  uris: (row) => [String(row["chosen_uri"]), String(row["rejected_uri"])],
  prepare({ queries, planned, layout, rowsOf }) {
    const fields = pairsTable.fields(layout);
    return Promise.resolve({
      drops: {},
      countRows: (split) => queries.pairsOfSplit(split),
      async *lines(split) {
        const own = planned.find((each) => each.split === SPLITS[split]);
        if (own === undefined) return;
        for await (const row of rowsOf(own)) {
          const examples = queries.pairsOfPrompt(row.promptKey);
          for (const pair of listPairs(row)) yield tableRowJson(fields, tableRow(pair, examples));
        }
      },
    });
  },
};

function tableRow({ id, row, chosen, rejected, margin }: RowPair, examples: number): TableRow {
  return {
    id,
    prompt: row.prompt,
    caption: row.prompt,
    chosen_uri: chosen.uri,
    rejected_uri: rejected.uri,
    chosen_seed: chosen.seed,
    rejected_seed: rejected.seed,
    image_0_uid: chosen.imageId,
    image_1_uid: rejected.imageId,
    image_0_sha256: chosen.sha256,
    image_1_sha256: rejected.sha256,
    label_0: 1,
    label_1: 0,
    num_example_per_prompt: examples,
    margin,
    width: chosen.widthPx,
    height: chosen.heightPx,
    model_0: chosen.model,
    model_1: rejected.model,
    prompt_key: row.promptKey,
    negative_prompt: row.negativePrompt,
    criterion: row.criterion,
    source: row.source,
  };
}
