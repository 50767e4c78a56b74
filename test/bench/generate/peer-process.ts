import { readFileSync } from "node:fs";
import { CallWrapper, ComfyApi, ComfyPool, EQueueMode, PromptBuilder, type PeerWorkflow } from "@saintno/comfyui-sdk";

// The same jobs through the peer, as its README says: a ComfyPool, CallWrapper for each job, ApiPool.batch.
// PICK_ZERO is the README's mode; PICK_LOWEST died of an uncaught fetch error after 18 jobs of such a run.

interface Task {
  readonly urls: readonly string[];
  readonly jobs: number;
  readonly workflow: string;
  readonly side: number;
}

/** The last line of its stderr. */
export interface PeerReport {
  /** Jobs that it said had failed. */
  readonly failed: number;
  /** Jobs of which it never said anything. */
  readonly unsettled: number;
}

const task = JSON.parse(process.argv[2] ?? "") as Task; // steady.ts wrote it.
const workflow = JSON.parse(readFileSync(task.workflow, "utf8")) as PeerWorkflow; // An API-format file of this repository.

const pool = new ComfyPool(
  task.urls.map((url, index) => new ComfyApi(url, `peer-${index}`)),
  EQueueMode.PICK_ZERO,
  { maxQueueSize: task.jobs + 1 }, // Its default of 1,000 throws where nobody can catch it.
);

/** Without a job settled for so long it is stuck, ms: some of its promises never settle. */
const STUCK_MS = 20_000;

let failed = 0;
let settled = 0;
let settledAtMs = performance.now();
const jobs = Array.from({ length: task.jobs }, (_, index) => async (api: ComfyApi): Promise<void> => {
  const builder = new PromptBuilder(workflow, ["positive", "seed", "width", "height", "prefix"], ["images"])
    .setInputNode("positive", "2.inputs.text")
    .setInputNode("seed", "4.inputs.seed")
    .setInputNode("width", "5.inputs.width")
    .setInputNode("height", "5.inputs.height")
    .setInputNode("prefix", "7.inputs.filename_prefix")
    .setOutputNode("images", "7")
    .input("positive", `subject number ${Math.floor(index / 4)} in a wide landscape, highly detailed`)
    .input("seed", index + 1)
    .input("width", task.side)
    .input("height", task.side)
    .input("prefix", `peer/${index % 4_096}/job-${index}`);
  const result = await new CallWrapper(api, builder).run();
  if (result === false || result === undefined) failed++;
  settled++;
  settledAtMs = performance.now();
});

function end(): void {
  const report: PeerReport = { failed, unsettled: task.jobs - settled };
  process.stderr.write(`${JSON.stringify(report)}\n`);
  // Its sockets and its loop for the next job never end by themselves.
  process.exit();
}

setInterval(() => {
  if (performance.now() - settledAtMs > STUCK_MS) end();
}, 1_000);
await pool.batch(jobs);
end();
