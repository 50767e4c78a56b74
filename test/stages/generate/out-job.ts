import type { OutJob } from "../../../src/stages/generate/server-state.ts";

/** A job that was sent under this id and is out. */
export function outJob(sentId: string): OutJob {
  const job = {
    job: `job of ${sentId}`,
    promptKey: "p_1",
    variant: "base",
    seed: "1",
    position: 0,
    promptPosition: 0,
    attempt: 1,
    failures: 0,
    freeFirst: 0,
    sent: "a cat",
    negative: "",
    bound: "{}",
    references: "{}",
    promptId: sentId,
    server: "http://1",
    submittedAtMs: 0,
  } as const;
  return { job, sentId, state: "sent", missingSinceMs: null };
}
