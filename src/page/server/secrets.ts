import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FatalError } from "../../errors.ts";
import { fileHint, fileProblem } from "../../lib/files/file-problem.ts";
import { makeFolder } from "../../lib/files/make-folder.ts";

/** 256 bits: nobody can guess it, so its hash needs neither salt nor stretching. */
const TOKEN_BYTES = 32;
/** 128 bits. */
const SLOT_BYTES = 16;
const SECRET_BYTES = 32;
/** Only the owner may read and write it. */
const MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Creates a token for a personal link: 43 characters, safe in a URL. */
export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/** Returns the SHA-256 of a token, in hex. The database stores nothing else of it. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Derives the lead's token. It is the same at every start, so the lead's link works as long as the server's secret exists. */
export function deriveLeadToken(secret: Uint8Array): string {
  return createHmac("sha256", secret).update("lead").digest("base64url");
}

/** Creates a random task_id. It says nothing about order or other tasks. */
export function createTaskId(): string {
  return randomBytes(SLOT_BYTES).toString("base64url");
}

export interface SlotSource {
  readonly taskId: string;
  readonly annotatorId: number;
  /** image_id, or the sha256 of a reference. */
  readonly name: string;
}

/** Derives the name of an image in one task. It differs in every task and for every person, so that nobody recognises an image. */
export function deriveSlot(secret: Uint8Array, { taskId, annotatorId, name }: SlotSource): string {
  const mac = createHmac("sha256", secret).update(`slot\n${taskId}\n${annotatorId}\n${name}`).digest();
  return mac.subarray(0, SLOT_BYTES).toString("base64url");
}

/** Compares two texts in a time that does not depend on where they differ. */
export function isSameText(first: string, second: string): boolean {
  // Hashes have equal lengths, whatever the texts are.
  return timingSafeEqual(createHash("sha256").update(first).digest(), createHash("sha256").update(second).digest());
}

/**
 * Opens `<dir>/page/secret`, from which slots and the lead's link are derived. The first start creates it. It is not in the database, so
 * that a copy of the database opens nothing. Deleting the file gives the lead another link.
 * @throws {FatalError} if it can neither be read nor created.
 */
export function openServerSecret(dir: string): Uint8Array {
  const folder = join(dir, "page");
  const file = join(folder, "secret");
  try {
    makeFolder(folder, FOLDER_MODE);
    // An empty file is left by a full disk or a power cut. Nothing was derived from it.
    if (sizeOf(file) === 0) writeSecret(file);
    chmodSync(file, MODE);
    const secret = readFileSync(file);
    if (secret.length === SECRET_BYTES) return secret;
  } catch (error) {
    throw new FatalError(`Cannot use the server's secret ${file}: ${fileProblem(error)}`, {
      hint: fileHint(error, "`dir` in the configuration must be a folder that this user may write to"),
      cause: error,
    });
  }
  throw new FatalError(`Cannot use the server's secret ${file}: expected ${SECRET_BYTES} bytes`, {
    hint: "delete it: the next start makes another one, and another link for the lead. Nothing else is lost",
  });
}

/** Returns 0 if there is no file. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Writes under another name first, so that a killed start leaves no half of it. Only one process serves a dataset, so nobody else writes
 * it.
 */
function writeSecret(file: string): void {
  const partial = `${file}.partial`;
  writeFileSync(partial, randomBytes(SECRET_BYTES), { mode: MODE, flush: true });
  renameSync(partial, file);
}
