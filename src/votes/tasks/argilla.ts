import { hash } from "node:crypto";
import type { OutgoingTask, TaskFileOptions, TaskFormat } from "./task-format.ts";

/**
 * Records for Argilla's `Dataset.records.from_json`, and a script that makes the dataset for them.
 * Source: argilla 2.8, Record.from_dict, ImageField, LabelQuestion, RankingQuestion.
 */
export const argillaTasks: TaskFormat = {
  name: "argilla",
  extension: "json",
  objectOf: (task, { task: kind }) => ({
    id: recordIdOf(task, kind),
    fields: {
      prompt: task.prompt,
      criterion: task.criterion,
      ...Object.fromEntries(task.images.map(({ uri }, index) => [`image_${index + 1}`, uri])),
    },
    metadata: { prompt_key: task.promptKey },
    suggestions: {},
    responses: {},
    vectors: {},
  }),
  settings({ task, imagesMax }) {
    const names = Array.from({ length: task === "pair" ? 2 : imagesMax }, (_, index) => `image_${index + 1}`);
    const list = JSON.stringify(names);
    const question =
      task === "rank"
        ? `rg.RankingQuestion(name="ranking", title="Put the images in order, the best first", values=${list})`
        : `rg.LabelQuestion(name="best", title="Which image is the better one for the prompt?", labels=${list} + ["tie", "both_bad"])`;
    return {
      ending: "settings.py",
      content: `# Makes the Argilla dataset for the records beside this file: python THIS_FILE RECORDS.json (needs: pip install argilla).
import os
import sys

import argilla as rg

IMAGES = ${list}

client = rg.Argilla(api_url=os.environ["ARGILLA_API_URL"], api_key=os.environ["ARGILLA_API_KEY"])
settings = rg.Settings(
    fields=[rg.TextField(name="prompt"), rg.TextField(name="criterion")] + [rg.ImageField(name=name, required=name in ("image_1", "image_2")) for name in IMAGES],
    questions=[
        ${question},
        rg.MultiLabelQuestion(
            name="flags",
            required=False,
            labels=[f"{name}: {mark}" for name in IMAGES for mark in ("nsfw", "artefact", "text", "duplicate", "corrupt")],
        ),
    ],
    metadata=[rg.TermsMetadataProperty(name="prompt_key")],
)
dataset = rg.Dataset(name=os.environ.get("ARGILLA_DATASET", "preferences"), settings=settings, client=client)
dataset.create()
dataset.records.from_json(sys.argv[1])
# Back: json.dump(dataset.records(with_responses=True).to_list(flatten=True), open("answers.json", "w"))
`,
    };
  },
};

/** The same question about the same images is the same record, in whatever order they are shown. */
function recordIdOf({ images, criterion }: OutgoingTask, kind: TaskFileOptions["task"]): string {
  const content = JSON.stringify([...images.map(({ imageId }) => imageId).toSorted(), criterion, kind]);
  return hash("sha256", content).slice(0, 32);
}
