import { FatalError, TransientError } from "../../errors.ts";
import { errnoOf, fileHint, fileProblem } from "../../lib/files/file-problem.ts";

/** Hints by errno. Everything here needs a person. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "free space on that disk, or move `store.uri`'s folder to a larger one and link it back, then run the same command again",
  EDQUOT: "raise the disk quota, then run the same command again",
  EACCES: "give this user write access to the folder, then run the same command again",
  EPERM: "give this user write access to the folder, then run the same command again",
  EROFS: "remount the file system for writing, or choose another folder in `store.uri`",
  EIO: "check the disk or the mount (the system log says more), then run the same command again",
  ENOTDIR: "remove the file that stands where a folder is needed, or choose another folder in `store.uri`",
};

/** Gone in a moment: descriptors used up, a network file system that reconnects. */
const TRANSIENT = new Set(["EMFILE", "ENFILE", "EAGAIN", "EBUSY", "ETIMEDOUT", "ESTALE", "EINTR"]);

/** Classes a file system's error by what the caller does with it; what is none stays as it is. */
export function fileError(error: unknown, doing: string): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const message = `Cannot ${doing}: ${fileProblem(error)}`;
  if (TRANSIENT.has(code))
    return new TransientError(message, { cause: error, hint: fileHint(error, "see whether the disk or its mount answers") });
  return new FatalError(message, { hint: HINTS[code] ?? "check the folder in `store.uri`", cause: error });
}
