import { join } from "node:path";
import { openDatabase } from "../../../src/db/open.ts";
import { filenamePrefixOf, imageIdOf } from "../../../src/identity.ts";
import { benchProject, type BenchProject } from "../bench-project.ts";
import { measuredProcess } from "../measured-process.ts";
import { imageName } from "./image-server.ts";

export interface ListedProject extends BenchProject {
  /** One image each. */
  readonly jobs: readonly string[];
}

export interface ListedProjectOptions {
  readonly jobs: number;
  /** The server that has all images. */
  readonly url: string;
  readonly store?: Readonly<Record<string, string>>;
  readonly annotate?: Readonly<Record<string, unknown>>;
}

const PLAN_TIMEOUT_MS = 300_000;
/** configs/workflows/sd15.json, SaveImage. */
const OUTPUT_NODE = "7";

/** A project as generate leaves it: planned by the program, each job done and its image listed. */
export async function listedProject({ jobs: count, url, store = {}, annotate = {} }: ListedProjectOptions): Promise<ListedProject> {
  const project = benchProject({ jobs: count, urls: [url], store, annotate });
  const planned = await measuredProcess(project.command("generate"), {
    timeoutMs: PLAN_TIMEOUT_MS,
    onLine: (line, child) => void (line.startsWith("Planned:") && child.kill("SIGINT")),
  });
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    const rows = db.client.prepare<[], { job: string; promptKey: string }>(
      "select job, prompt_key as promptKey from jobs order by position",
    );
    const jobs = rows.all();
    if (jobs.length === 0) throw new Error(`Cannot plan: ${planned.said}`);
    const finish = db.client.prepare("update jobs set state = 'done', attempt = 1, prompt_id = ?, server = ? where job = ?");
    const list = db.client.prepare(`
      insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type)
      values (?, ?, ?, ?, ?, 1, ?, 0, ?, ?, 'output')`);
    db.client.transaction(() => {
      for (const { job, promptKey } of jobs) {
        const subfolder = filenamePrefixOf("bench", job).split("/").slice(0, -1).join("/");
        finish.run(job, url, job);
        list.run(
          imageIdOf(job, { nodeId: OUTPUT_NODE, batchIndex: 0, generation: 0 }),
          job,
          promptKey,
          job,
          url,
          OUTPUT_NODE,
          imageName(job),
          subfolder,
        );
      }
    })();
    return { ...project, jobs: jobs.map(({ job }) => job) };
  } finally {
    db.close();
  }
}
