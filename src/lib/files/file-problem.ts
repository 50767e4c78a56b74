import { messageOf } from "../../errors.ts";

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EEXIST: "it exists",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is a file, not a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "its file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  EIO: "the disk or its mount fails",
};

const OPEN_FILES = "raise the limit of open files (`ulimit -n 4096` in this shell), then run the same command again";
const DISK_SPACE = "free space on that disk, then run the same command again";

/** Hints for errors that are not the file's fault. */
const HINTS: Readonly<Record<string, string>> = { EMFILE: OPEN_FILES, ENFILE: OPEN_FILES, ENOSPC: DISK_SPACE, EDQUOT: DISK_SPACE };

/**
 * Returns what to try against a file system's error: `otherwise`, but where the reason is no fault of the file, its folder or their rights.
 */
export function fileHint(error: unknown, otherwise: string): string {
  return HINTS[errnoOf(error) ?? ""] ?? otherwise;
}

/** Says why a file could not be read or written, in our words if there are any, else in the system's. */
export function fileProblem(error: unknown): string {
  const words = WORDS[errnoOf(error) ?? ""];
  return words ?? messageOf(error);
}

/** `ENOENT` and the like, of errors that a system call raised. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
