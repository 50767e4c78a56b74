import type { JobRow } from "../../db/queries/jobs/jobs.ts";

/** What a server did last. */
export interface Habit {
  /** What its workflow loads. */
  readonly signature: string;
  readonly promptKey: string;
}

export interface Chooser {
  readonly blockOf: (job: JobRow) => number;
  readonly signatureOf: (variant: string) => string;
  readonly suits: (job: JobRow) => boolean;
  readonly own: Habit | undefined;
  /** Of the servers that have jobs. */
  readonly others: readonly Habit[];
}

/** Of the first block that has anything for the server: its prompt, its models, then what nobody else works on, then anything. */
export function chooseJob(choices: readonly JobRow[], { blockOf, signatureOf, suits, own, others }: Chooser): JobRow | undefined {
  const first = choices.find(suits);
  if (first === undefined) return undefined;
  const block = blockOf(first);
  const theirPrompts = new Set(others.map(({ promptKey }) => promptKey));
  const theirSignatures = new Set(others.map(({ signature }) => signature));
  const rankOf = (job: JobRow): number => {
    const signature = signatureOf(job.variant);
    if (signature === own?.signature && job.promptKey === own.promptKey) return 0;
    const models = signature === own?.signature ? 1 : theirSignatures.has(signature) ? 5 : 3;
    return models + (theirPrompts.has(job.promptKey) ? 1 : 0);
  };
  let best: { readonly job: JobRow; readonly rank: number } | undefined;
  for (const job of choices) {
    if (best?.rank === 0) break;
    if (blockOf(job) !== block) continue;
    const rank = rankOf(job);
    if ((best === undefined || rank < best.rank) && suits(job)) best = { job, rank };
  }
  return best?.job;
}
