import type { Executor } from "../execution/executor.ts";
import { answerJson, type HttpExchange } from "./http-exchange.ts";
import type { PromptQueue } from "../execution/prompt-queue.ts";
import { dict, dumpsPython, type PyDict } from "../python-json.ts";

/** GET /api/jobs of newer servers, as far as a client that polls needs it. Source: ComfyUI comfy_execution/jobs.py */
export function listJobs(exchange: HttpExchange, queue: Pick<PromptQueue, "statuses">): void {
  const jobs = [...queue.statuses()].map(([id, status]) => dict({ id, status }));
  const total = BigInt(jobs.length);
  answerJson(exchange, dumpsPython(dict({ jobs, pagination: dict({ offset: 0n, limit: null, total, has_more: false }) })));
}

/** GET /api/jobs/ID */
export function oneJob(exchange: HttpExchange, id: string, queue: Pick<PromptQueue, "statuses">): void {
  const status = queue.statuses().get(id);
  const job: PyDict = status === undefined ? dict({ error: "Job not found" }) : dict({ id, status });
  answerJson(exchange, dumpsPython(job), status === undefined ? 404 : 200);
}

interface CancelDeps {
  readonly queue: Pick<PromptQueue, "remove" | "isRunning">;
  readonly executor: Pick<Executor, "interrupt">;
}

/** POST /api/jobs/ID/cancel: a waiting prompt leaves the queue, a running one is interrupted; any other id is no error. */
export function cancelJob(exchange: HttpExchange, id: string, { queue, executor }: CancelDeps): void {
  const isRunning = queue.isRunning(id);
  if (isRunning) executor.interrupt();
  const cancelled = isRunning || queue.remove(id);
  answerJson(exchange, dumpsPython(dict({ cancelled })));
}
