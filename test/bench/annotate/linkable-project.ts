import { hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createBuiltinJudge } from "../../../src/judges/builtin.ts";
import { inBulk } from "../../../src/db/flushing.ts";
import { openDatabase, type Db } from "../../../src/db/open.ts";
import { ensureDataset, rememberPlan } from "../../../src/db/queries/overview/dataset.ts";
import { benchProject, type BenchProject } from "../bench-project.ts";

export const IMAGES_PER_PROMPT = 4;
/** Prompts written in one transaction. */
const CHUNK_PROMPTS = 5_000;

export interface LinkableOptions {
  readonly prompts: number;
  /** Images of a prompt. */
  readonly perPrompt?: number;
}

/** A project whose images are all made, stored, looked at, judged and voted on; none of them exists. Straight into the tables. */
export async function linkableProject({ prompts, perPrompt = IMAGES_PER_PROMPT }: LinkableOptions): Promise<BenchProject> {
  // Linking reads no prompts file; its few lines are for the configuration's sake.
  const project = benchProject({ jobs: 1, urls: ["http://127.0.0.1:1"] });
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    ensureDataset(db, { name: "bench", nowMs: 0 });
    rememberPlan(db, { storeUri: pathToFileURL(join(project.dir, "runs/images")).href });
    markStore(db, join(project.dir, "runs/images"));
    const write = writer(db, perPrompt);
    await inBulk(db, async () => {
      for (let from = 0; from < prompts; from += CHUNK_PROMPTS) write(from, Math.min(prompts, from + CHUNK_PROMPTS));
    });
  } finally {
    db.close();
  }
  return project;
}

/** Writes the file that says whose the store is: without it, and without images, a start refuses the place. */
function markStore({ client }: Db, folder: string): void {
  const datasetId = client.prepare<[], string>("select dataset_id from dataset").pluck().get();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".comfy-dpo.json"), `${JSON.stringify({ dataset: "bench", dataset_id: datasetId })}\n`);
}

/** The columns of the schema that linking reads, and those that must not be null. */
function writer({ client }: Db, perPrompt: number): (from: number, to: number) => void {
  const { name, version } = createBuiltinJudge({ name: "quality" });
  client.exec(
    "insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', 'w', '{}', '{}', '[]')",
  );
  const prompt = client.prepare("insert into prompts (prompt_key, position, prompt, sent) values (?, ?, ?, ?)");
  const job = client.prepare(`insert into jobs (job, prompt_key, variant, seed, seed_index, position, state, attempt, prompt_id, server)
    values (?, ?, 'base', ?, ?, ?, 'done', 1, ?, 'http://127.0.0.1:1')`);
  const image = client.prepare(`insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename,
    subfolder, type, state, key, sha256, bytes, format, width, height, stored_at_ms)
    values (?, ?, ?, ?, 'http://127.0.0.1:1', 1, '7', 0, ?, 'bench', 'output', 'stored', ?, ?, 400000, 'png', 1024, 1024, 0)`);
  const inspection = client.prepare(`insert into inspections (image_id, pixel_sha256, perceptual_hash, width, height, luma_std, sharpness,
    entropy) values (?, ?, ?, 1024, 1024, 40, 10, 7)`);
  const score = client.prepare("insert into scores (image_id, judge, version, prompt_key, score) values (?, ?, ?, ?, ?)");
  const vote = client.prepare(`insert into votes (vote_id, prompt_key, criterion, annotator, shown, ranking, kind, source)
    values (?, ?, 'overall', 'ann', ?, ?, 'choice', 'bench')`);

  return client.transaction((from: number, to: number): void => {
    for (let index = from; index < to; index++) {
      const promptKey = `p_${idOf("prompt", index)}`;
      prompt.run(promptKey, index, `subject number ${index} in a wide landscape`, `subject number ${index}`);
      const shown = Array.from({ length: perPrompt }, (_, seedIndex) => {
        const own = index * perPrompt + seedIndex;
        const imageId = `i_${idOf("image", own)}`;
        const jobId = idOf("job", own);
        const key = `images/${imageId.slice(2, 5)}/${imageId}.png`;
        const sha256 = hash("sha256", imageId);
        job.run(jobId, promptKey, String(own), seedIndex, own, jobId);
        image.run(imageId, jobId, promptKey, jobId, `${jobId}_00001_.png`, key, sha256);
        inspection.run(imageId, hash("sha256", sha256), sha256.slice(0, 16));
        score.run(imageId, name, version, promptKey, Number.parseInt(sha256.slice(0, 6), 16) / 2 ** 24);
        return imageId;
      });
      vote.run(`v-${index}`, promptKey, JSON.stringify(shown), JSON.stringify([[shown[index % perPrompt]]]));
    }
  });
}

/** 32 hex digits, as keys of this program have: their order is not that of the rows. */
function idOf(kind: string, index: number): string {
  return hash("sha256", `${kind} ${index}`).slice(0, 32);
}
