import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inBulk } from "../../../src/db/flushing.ts";
import { type Db, openDatabase } from "../../../src/db/open.ts";
import { ensureDataset } from "../../../src/db/queries/overview/dataset.ts";
import { makeImage } from "../../helpers/images.ts";
import { benchProject, type BenchProject } from "../bench-project.ts";

/** Stable Diffusion 1.5's own size. */
const SIDE_PX = 512;
/** Files behind all rows: the page makes a thumbnail for each row all the same, because it keeps them by the row's hash. */
const FILES = 32;
const IMAGES_PER_PROMPT = 4;
const NO_SERVER = "http://127.0.0.1:1";

export interface AnnotatedProjectOptions {
  readonly prompts: number;
  /** `annotate.people` of the configuration. */
  readonly people: Readonly<Record<string, unknown>>;
}

export interface AnnotatedProject extends BenchProject {
  readonly databaseFile: string;
}

/** A project as judge leaves it: four images a prompt, each stored, inspected and scored. */
export async function annotatedProject({ prompts, people }: AnnotatedProjectOptions): Promise<AnnotatedProject> {
  const annotate = { filters: { near_duplicate: 0 }, people };
  const project = benchProject({ jobs: IMAGES_PER_PROMPT, urls: [NO_SERVER], annotate });
  const runs = join(project.dir, "runs");
  const folder = join(runs, "images/images/000");
  mkdirSync(folder, { recursive: true });
  const sizes: number[] = [];
  for (let file = 0; file < FILES; file++) {
    const bytes = await makeImage({ widthPx: SIDE_PX, heightPx: SIDE_PX, seed: file + 1 });
    writeFileSync(join(folder, `${file}.png`), bytes);
    sizes.push(bytes.length);
  }
  const databaseFile = join(runs, "pipeline.db");
  const db = openDatabase(databaseFile);
  try {
    ensureDataset(db, { name: "bench", nowMs: 0 });
    await inBulk(db, async () => writeRows(db, { prompts, sizes }));
  } finally {
    db.close();
  }
  return { ...project, databaseFile };
}

interface Rows {
  readonly prompts: number;
  readonly sizes: readonly number[];
}

function writeRows({ client }: Db, { prompts, sizes }: Rows): void {
  const addPrompt = client.prepare("insert into prompts (prompt_key, position, prompt, sent) values (?, ?, ?, '')");
  const addJob = client.prepare(`
    insert into jobs (job, prompt_key, variant, seed, seed_index, position, state) values (?, ?, 'base', ?, ?, ?, 'done')`);
  const addImage = client.prepare(`
    insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type, state, key,
      sha256, bytes, width, height) values (?, ?, ?, '', '', 1, '7', 0, '', '', 'output', 'stored', ?, ?, ?, ${SIDE_PX}, ${SIDE_PX})`);
  const addInspection = client.prepare(`
    insert into inspections (image_id, pixel_sha256, perceptual_hash, width, height, luma_std, sharpness, entropy)
    values (?, ?, '0000000000000000', ${SIDE_PX}, ${SIDE_PX}, 40, 10, 7)`);
  const addScore = client.prepare("insert into scores (image_id, judge, version, prompt_key, score) values (?, 'quality', '1', ?, ?)");
  client
    .prepare(
      "insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', '', '{}', '{}', '[]')",
    )
    .run();
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  client.transaction(() => {
    for (let prompt = 0; prompt < prompts; prompt++) {
      const promptKey = `p_${sha256(`prompt ${prompt}`).slice(0, 32)}`;
      addPrompt.run(promptKey, prompt, `subject number ${prompt} in a wide landscape, highly detailed`);
      for (let index = 0; index < IMAGES_PER_PROMPT; index++) {
        const id = sha256(`image ${prompt} ${index}`);
        const imageId = `i_${id.slice(0, 32)}`;
        const file = (prompt * IMAGES_PER_PROMPT + index) % sizes.length;
        addJob.run(id, promptKey, String(index), index, prompt);
        addImage.run(imageId, id, promptKey, `images/000/${file}.png`, id, sizes[file]);
        addInspection.run(imageId, id);
        addScore.run(imageId, promptKey, Number.parseInt(id.slice(0, 6), 16) / 2 ** 24);
      }
    }
  })();
}
