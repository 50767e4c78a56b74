import { readdirSync, readlinkSync } from "node:fs";

/** Sockets that a running process has open; NaN where the system does not tell. */
export function socketsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => isSocket(`/proc/${pid}/fd/${fd}`)).length;
  } catch {
    return Number.NaN; // No Linux, or it has ended.
  }
}

function isSocket(link: string): boolean {
  try {
    return readlinkSync(link).startsWith("socket:");
  } catch {
    return false; // Closed meanwhile.
  }
}
