import { readFileSync } from "node:fs";

/** Memory that a running process has now, MB; NaN where the system does not tell. */
export function rssOf(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1_024;
  } catch {
    return Number.NaN; // No Linux, or it has ended.
  }
}
