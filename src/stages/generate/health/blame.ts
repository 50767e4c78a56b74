import type { Evidence } from "./evidence.ts";
import { promptsIn } from "./streaks.ts";

/** So many different prompts in a row are evidence against a server or variant. Source: ARCHITECTURE.md, "Generate". */
const EVIDENCE_PROMPTS = 3;
/** Without anything to compare with, so many are. */
const LONE_EVIDENCE_PROMPTS = 10;

export interface Blame {
  /** Null: for whatever it runs. */
  readonly variant: string | null;
  readonly why: string;
}

/** Whether what failed at a server is the server's fault. `witnesses`: other servers that answer and are trusted. */
export function blameServer(server: string, evidence: Evidence, witnesses: readonly string[]): Blame | null {
  const entries = evidence.streaks.of(server);
  const firm = entries.filter((entry) => !evidence.isSuspect(entry.job));
  for (const [variant, own] of Map.groupBy(firm, (entry) => entry.variant)) {
    const first = own[0]?.order ?? 0;
    if (promptsIn(own) < EVIDENCE_PROMPTS) continue;
    const witness = witnesses.find((other) => evidence.lastSuccess(other, variant) > first);
    if (witness === undefined) continue;
    return {
      variant,
      why: `${promptsIn(own)} different prompts in a row failed there, while ${witness} made images of variant "${variant}"`,
    };
  }
  const sinceAny = entries.filter((entry) => entry.order > evidence.lastSuccessOfAny(server));
  if (promptsIn(sinceAny) < LONE_EVIDENCE_PROMPTS || !sinceAny.every((entry) => evidence.worked.has(entry.variant))) return null;
  return { variant: null, why: `${promptsIn(sinceAny)} different prompts in a row failed there, of variants that have worked before` };
}

/** Whether a variant cannot run anywhere, and why. `servers`: those that answer and are trusted. */
export function blameVariant(variant: string, evidence: Evidence, servers: readonly string[]): string | null {
  const failed = evidence.finals.get(variant);
  if (failed === undefined || failed.prompts.size < EVIDENCE_PROMPTS) return null;
  if (!servers.every((server) => failed.servers.has(server))) return null;
  // What has worked and fails with all else may be the servers' doing.
  if (evidence.worked.has(variant) && !evidence.othersWorked(variant, failed.since)) return null;
  return `${failed.prompts.size} different prompts of it failed for good, on every server tried`;
}
