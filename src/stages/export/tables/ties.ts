import { seedFeature } from "../../../exporters/row-columns.ts";
import type { TableRow } from "../../../exporters/table-row.ts";
import { tieIdOf } from "../../../identity.ts";
import type { GroupRanking } from "../../annotate/link/rank-group.ts";
import { scalars, type Table, type TableSource } from "./table.ts";
import { rankedGroups, type RankedGroup } from "./ranked-groups.ts";
import { waitingTable, type FoundRow } from "./waiting-table.ts";

/** One row for each two images of which neither is better. */
export const tiesTable: Table = {
  name: "ties",
  isSorted: true,
  about:
    "A row is two images of one prompt of which neither was preferred: most votes that compared them call it a tie, or both bad, or a judge gave both the same score. For reward models that learn ties; `label_0` and `label_1` are 0.5. Never train DPO on these: trainers that do not filter take `image_0` for the winner.",
  meanings: {
    id: "of these two images under this criterion",
    prompt: "the text that they were made from, verbatim",
    caption: "the same, as Pick-a-Pic calls it",
    image_0_uri: "where the one image is (the lower image_id), permanent and never presigned",
    image_1_uri: "likewise, of the other",
    image_0_seed: "of the sampler; -1 where it is not known",
    image_1_seed: "likewise",
    image_0_uid: "image_id",
    image_1_uid: "image_id",
    image_0_sha256: "of the file",
    image_1_sha256: "of the file",
    label_0: "0.5",
    label_1: "0.5",
    kind: "`tie`, or `both_bad` where more votes say that than call it a tie",
    width: "pixels, of both",
    height: "pixels, of both",
    prompt_key: "of the prompt with its negative prompt, references and bound values",
    negative_prompt: "empty where there was none",
    criterion: "what was judged",
    source: "who decided: `people`, `judge:NAME` or `combined`",
    n_votes: "votes that compared the two; 0 for judges",
  },
  fields: (layout) => [
    ...scalars("string", "id", "prompt", "caption", "image_0_uri", "image_1_uri"),
    ...scalars(seedFeature(layout).dtype, "image_0_seed", "image_1_seed"),
    ...scalars("string", "image_0_uid", "image_1_uid", "image_0_sha256", "image_1_sha256"),
    ...scalars("float64", "label_0", "label_1"),
    ...scalars("string", "kind"),
    ...scalars("int64", "width", "height"),
    ...scalars("string", "prompt_key", "negative_prompt", "criterion", "source"),
    ...scalars("int64", "n_votes"),
  ],
  problems: (row) => [
    ...(row["label_0"] === 0.5 && row["label_1"] === 0.5 ? [] : ["has labels other than 0.5"]),
    ...(row["kind"] === "tie" || row["kind"] === "both_bad" ? [] : ["is of no kind of tie"]),
    ...(String(row["image_0_uid"]) < String(row["image_1_uid"]) ? [] : ["does not have its images in the order of their ids"]),
  ],
  uris: (row) => [String(row["image_0_uri"]), String(row["image_1_uri"])],
  prepare: (source) => waitingTable(source, { name: "ties", fields: tiesTable.fields(source.layout), found: ties(source) }),
};

async function* ties(source: TableSource): AsyncGenerator<FoundRow | string> {
  for await (const group of rankedGroups(source)) {
    for (const ranking of group.rankings) for (const tie of ranking.ties) yield tieRow(group, { ...tie, source: ranking.source });
  }
}

type SourcedTie = GroupRanking["ties"][number] & Pick<GroupRanking, "source">;

function tieRow(group: RankedGroup, { images: [first, second], kind, nVotes, source }: SourcedTie): FoundRow | string {
  const { promptKey, prompt, negative, split, criterion, images } = group;
  const [left, right] = [images.get(first.imageId), images.get(second.imageId)];
  if (left === undefined || right === undefined) return "image-not-stored";
  const imageIds = [left.imageId, right.imageId];
  const id = tieIdOf(promptKey, criterion, imageIds);
  const row: TableRow = {
    id,
    prompt,
    caption: prompt,
    image_0_uri: left.uri,
    image_1_uri: right.uri,
    image_0_seed: left.seed,
    image_1_seed: right.seed,
    image_0_uid: left.imageId,
    image_1_uid: right.imageId,
    image_0_sha256: left.sha256,
    image_1_sha256: right.sha256,
    label_0: 0.5,
    label_1: 0.5,
    kind,
    width: first.look.widthPx,
    height: first.look.heightPx,
    prompt_key: promptKey,
    negative_prompt: negative,
    criterion,
    source,
    n_votes: nVotes,
  };
  return { id, split, imageIds, row };
}
