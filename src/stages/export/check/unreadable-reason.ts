import { FatalError } from "../../../errors.ts";
import { errnoOf } from "../../../lib/files/file-problem.ts";

/** What a file system says of one path, whatever it says of others. */
const OF_ONE_FILE: ReadonlySet<string> = new Set(["EISDIR", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "EIO", "ENAMETOOLONG"]);

/** Why one object of a folder store cannot be read, where the others may be; null for every other error. */
export function unreadableReason(error: unknown): string | null {
  return error instanceof FatalError && OF_ONE_FILE.has(errnoOf(error.cause) ?? "") ? error.message : null;
}
