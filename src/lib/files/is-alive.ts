import { errnoOf } from "./errno.ts";

/** True while a process of this machine has the id. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM"; // Another user's process.
  }
}
