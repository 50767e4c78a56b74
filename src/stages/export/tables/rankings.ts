import { rankingIdOf } from "../../../identity.ts";
import { lists, scalars, type Table, type TableSource } from "./table.ts";
import { rankedGroups, type RankedGroup } from "./ranked-groups.ts";
import { waitingTable, type FoundRow } from "./waiting-table.ts";

/** One row a prompt and criterion: all its images in order. */
export const rankingsTable: Table = {
  name: "rankings",
  isSorted: true,
  about:
    "A row is one prompt under one criterion, with every image that the deciding source compared: `ranking[i]` is the place of `generations[i]`, 1 the best; equal places are ties, and the places after them are left free (1, 2, 2, 4). Images of one place have no order among them: one vote for the best of four says nothing of the other three. Prompts whose images were not all compared with each other, directly or through others, have no row.",
  meanings: {
    id: "of the choice between these images under this criterion, whatever their places",
    prompt: "the text that they were made from, verbatim",
    generations: "where the images are, best first, permanent and never presigned",
    ranking: "place of each, 1 the best, ties share one",
    scores: "of each, by `source`: a judge's score, or for people the Bradley–Terry probability or share of wins in the group",
    image_ids: "of each",
    sha256s: "of each file",
    prompt_key: "of the prompt with its negative prompt, references and bound values",
    negative_prompt: "empty where there was none",
    criterion: "what was judged",
    source: "who decided: `people`, `judge:NAME` or `combined`",
    n_votes: "votes that decided; 0 for judges",
    width: "pixels, of all of them",
    height: "pixels, of all of them",
  },
  fields: () => [
    ...scalars("string", "id", "prompt"),
    ...lists("string", "generations"),
    ...lists("int64", "ranking"),
    ...lists("float64", "scores"),
    ...lists("string", "image_ids", "sha256s"),
    ...scalars("string", "prompt_key", "negative_prompt", "criterion", "source"),
    ...scalars("int64", "n_votes", "width", "height"),
  ],
  problems: ({ ranking, scores, generations, image_ids: imageIds, sha256s }) => {
    const all = [ranking, scores, generations, imageIds, sha256s].map((list) => (Array.isArray(list) ? list : []));
    const [places = [], values = []] = all;
    const placeOf = (value: unknown): number => 1 + values.filter((other) => Number(other) > Number(value)).length;
    return [
      ...(places.length > 1 && all.every((list) => list.length === places.length)
        ? []
        : ["has lists of several lengths, or of fewer than two images"]),
      ...(values.every((value, index) => places[index] === placeOf(value)) ? [] : ["has places that do not follow from its scores"]),
    ];
  },
  uris: ({ generations }) => (Array.isArray(generations) ? generations.map(String) : []),
  prepare: (source) => waitingTable(source, { name: "rankings", fields: rankingsTable.fields(source.layout), found: rankings(source) }),
};

async function* rankings(source: TableSource): AsyncGenerator<FoundRow | string> {
  for await (const group of rankedGroups(source)) {
    for (const ranking of group.rankings) yield rankingRow(group, ranking);
  }
}

function rankingRow(
  { promptKey, prompt, negative, split, criterion, images }: RankedGroup,
  { source, nVotes, ranked }: RankedGroup["rankings"][number],
): FoundRow | string {
  const [best] = ranked;
  if (best === undefined) return "uncompared";
  const shown = ranked.flatMap(({ image }) => images.get(image.imageId) ?? []);
  if (shown.length < ranked.length) return "image-not-stored";
  const imageIds = shown.map(({ imageId }) => imageId);
  const id = rankingIdOf(promptKey, criterion, imageIds);
  const row = {
    id,
    prompt,
    generations: shown.map(({ uri }) => uri),
    ranking: ranked.map(({ place }) => place),
    scores: ranked.map(({ score }) => score),
    image_ids: imageIds,
    sha256s: shown.map(({ sha256 }) => sha256),
    prompt_key: promptKey,
    negative_prompt: negative,
    criterion,
    source,
    n_votes: nVotes,
    width: best.image.look.widthPx,
    height: best.image.look.heightPx,
  };
  return { id, split, imageIds, row };
}
