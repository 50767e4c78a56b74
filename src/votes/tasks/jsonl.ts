import type { TaskFormat } from "./task-format.ts";

/** Tasks for a page that users write themselves. The vote that comes back is this object with vote_id, annotator and choice or ranking (docs/votes.md). */
export const jsonlTasks: TaskFormat = {
  name: "jsonl",
  extension: "jsonl",
  objectOf: ({ promptKey, prompt, criterion, images }) => ({
    prompt_key: promptKey,
    prompt,
    criterion,
    images: images.map(({ imageId }) => imageId),
    uris: images.map(({ uri }) => uri),
  }),
  settings: () => null,
};
