import { readFileSync } from "node:fs";

/** Linux counts a process's time in ticks of 10 ms for every reader. Source: proc(5), sysconf(_SC_CLK_TCK). */
const TICK_MS = 10;
/** Fields behind the name, which ends with the last bracket: utime and stime. Source: proc(5), /proc/pid/stat fields 14 and 15. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** CPU time of a running process so far, ms; NaN where the system does not tell. */
export function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) * TICK_MS;
  } catch {
    return Number.NaN; // No Linux, or it has ended.
  }
}
