/** So many submissions of one job without a verdict are needed to blame it, ambiguous as each of them is. */
const BLAMED_FROM = 4;

interface Unjudged {
  count: number;
  /** Prompts that the server had taken at the first of them. */
  readonly takenBefore: number;
}

export type UnjudgedSubmissions = ReturnType<typeof createUnjudgedSubmissions>;

/**
 * Submissions that were cut off, or answered with "not now": each of them says nothing of the job. A job that a server answers so again and
 * again, and takes others meanwhile, is to blame all the same: a firewall that resets connections, a handler that kills its proxy.
 */
export function createUnjudgedSubmissions() {
  const taken = new Map<string, number>();
  const byJob = new Map<string, Map<string, Unjudged>>();

  return {
    /** The server took a prompt. */
    taken: (server: string): void => void taken.set(server, (taken.get(server) ?? 0) + 1),
    /** Counts one more without a verdict. True if it is the job's own fault by now. */
    isJobsFault(job: string, server: string): boolean {
      const servers = byJob.get(job) ?? new Map<string, Unjudged>();
      byJob.set(job, servers);
      const unjudged = servers.get(server) ?? { count: 0, takenBefore: taken.get(server) ?? 0 };
      servers.set(server, unjudged);
      unjudged.count++;
      return unjudged.count >= BLAMED_FROM && (taken.get(server) ?? 0) > unjudged.takenBefore;
    },
    /** How often the job was sent in vain to any server. */
    countOf: (job: string): number => [...(byJob.get(job)?.values() ?? [])].reduce((sum, { count }) => sum + count, 0),
    /** The job is settled: nothing of it stays in memory. */
    forget: (job: string): void => void byJob.delete(job),
  };
}
