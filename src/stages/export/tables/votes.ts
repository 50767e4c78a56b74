import type { TableVoteRecord } from "../../../db/queries/export/export-tables.ts";
import type { TableRow } from "../../../exporters/table-row.ts";
import { exportedVoteIdOf, pseudonymOf } from "../../../identity.ts";
import { lists, scalars, type Table, type TableSource } from "./table.ts";
import { waitingTable, type FoundRow } from "./waiting-table.ts";

/** Votes read at a time. */
const PAGE_VOTES = 256;

/** One row a vote, as it was cast, with nobody's name and no time of day. */
export const votesTable: Table = {
  name: "votes",
  isSorted: true,
  about:
    "A row is one vote of one person, as it was cast: for audits, agreement between people, and models of annotators. People have pseudonyms, and no time of day is kept. Skips, known answers (`gold`) and repeats are here, too; only votes that are neither gold nor repeat decided anything. Votes that were undone, of people who are excluded, and about images that are no longer stored are not.",
  meanings: {
    vote_id: "of the vote, in this dataset",
    annotator: "of the person: the same in every version of this dataset, another in every other dataset",
    prompt: "the text that was shown, verbatim",
    images: "image_ids, in the order in which they were shown",
    uris: "where each is, permanent and never presigned",
    kind: "`choice`, `tie`, `both_bad` or `skip`",
    choice: "image_id of the one that was chosen; empty where none was",
    left: "where two were shown: the image_id of the first; else empty",
    right: "likewise, of the second",
    ranking: "place of each image, 1 the best, ties share one; 0: after all others, in no order",
    ms: "how long it took; -1 where it is not known",
    gold: "true: a task with a known answer, which only measures the person",
    repeat: "true: a task that the person had before",
    prompt_key: "of the prompt with its negative prompt, references and bound values",
    criterion: "what was asked",
  },
  fields: () => [
    ...scalars("string", "vote_id", "annotator", "prompt"),
    ...lists("string", "images", "uris"),
    ...scalars("string", "kind", "choice", "left", "right"),
    ...lists("int64", "ranking"),
    ...scalars("int64", "ms"),
    ...scalars("bool", "gold", "repeat"),
    ...scalars("string", "prompt_key", "criterion"),
  ],
  problems: ({ vote_id: voteId, annotator, images, uris, ranking }) => {
    const lengths = new Set([images, uris, ranking].map((list) => (Array.isArray(list) ? list.length : 0)));
    return [
      ...(/^v_[0-9a-f]{32}$/.test(String(voteId)) ? [] : ["has no vote_id of the right form"]),
      ...(/^a_[0-9a-f]{32}$/.test(String(annotator)) ? [] : ["names an annotator by something else than a pseudonym"]),
      ...(lengths.size === 1 ? [] : ["has lists of several lengths"]),
    ];
  },
  uris: ({ uris }) => (Array.isArray(uris) ? uris.map(String) : []),
  prepare: (source) => waitingTable(source, { name: "votes", fields: votesTable.fields(source.layout), found: votes(source) }),
};

async function* votes({ queries, splitOf, checkpoint }: TableSource): AsyncGenerator<FoundRow | string> {
  const datasetId = queries.datasetId();
  for (let page = queries.readVotes("", PAGE_VOTES); page.length > 0; page = queries.readVotes(page.at(-1)?.voteId ?? "", PAGE_VOTES)) {
    const uris = readUris(page, queries);
    for (const vote of page) yield voteRow(vote, { uris, datasetId, split: splitOf(vote.prompt) });
    await checkpoint();
  }
}

function readUris(page: readonly TableVoteRecord[], queries: TableSource["queries"]): ReadonlyMap<string, string> {
  const ids = new Set(page.flatMap(({ shown }) => parseIds(shown)));
  return new Map(queries.readImages([...ids]).flatMap(({ imageId, uri }) => (uri === null ? [] : [[imageId, uri] as const])));
}

interface VoteContext {
  readonly uris: ReadonlyMap<string, string>;
  readonly datasetId: string;
  readonly split: number;
}

function voteRow(vote: TableVoteRecord, { uris, datasetId, split }: VoteContext): FoundRow | string {
  if (vote.isRemade === 1) return "image-made-again";
  const imageIds = parseIds(vote.shown);
  const shown = imageIds.flatMap((imageId) => uris.get(imageId) ?? []);
  if (imageIds.length === 0 || shown.length < imageIds.length) return "image-not-stored";
  const tiers = JSON.parse(vote.ranking) as string[][]; // Its shape was checked when it was cast.
  const [first = [], second = ""] = [tiers[0], imageIds[1]];
  const id = exportedVoteIdOf(datasetId, vote.voteId);
  const row: TableRow = {
    vote_id: id,
    annotator: pseudonymOf(datasetId, vote.annotator),
    prompt: vote.prompt,
    images: imageIds,
    uris: shown,
    kind: vote.kind,
    choice: vote.kind === "choice" && first.length === 1 ? (first[0] ?? "") : "",
    left: imageIds.length === 2 ? (imageIds[0] ?? "") : "",
    right: imageIds.length === 2 ? second : "",
    ranking: imageIds.map((imageId) => placeOf(imageId, tiers)),
    ms: vote.durationMs ?? -1,
    gold: vote.purpose === "gold",
    repeat: vote.purpose === "repeat",
    prompt_key: vote.promptKey,
    criterion: vote.criterion,
  };
  return { id, split, imageIds, row };
}

/** Returns the place of an image, 0 where it has none. Places after a tie are left free, as in rankings. */
function placeOf(imageId: string, tiers: readonly (readonly string[])[]): number {
  const tier = tiers.findIndex((images) => images.includes(imageId));
  return tier === -1 ? 0 : 1 + tiers.slice(0, tier).reduce((sum, images) => sum + images.length, 0);
}

/** Parses image_ids of a vote. They are no integers, so that no exact parser is needed. Their shape was checked when the vote was cast. */
function parseIds(shown: string): readonly string[] {
  return JSON.parse(shown) as string[];
}
