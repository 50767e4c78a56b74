import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FatalError } from "../../errors.ts";
import { fileHint, fileProblem } from "../../lib/files/file-problem.ts";
import { makeFolder } from "../../lib/files/make-folder.ts";

/** 256 bit: nobody guesses it, so that its hash needs neither salt nor stretching. */
const TOKEN_BYTES = 32;
/** 128 bit. */
const SLOT_BYTES = 16;

/** A token for a personal link, 43 characters that every address bar takes. */
export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/** What the database has of a token: hex. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The lead's token: the same at every start, so that the lead's link lives as long as the server's secret. */
export function deriveLeadToken(secret: Uint8Array): string {
  return createHmac("sha256", secret).update("lead").digest("base64url");
}

/** A task_id: random, so that it says nothing of order or of others. */
export function createTaskId(): string {
  return randomBytes(SLOT_BYTES).toString("base64url");
}

export interface SlotSource {
  readonly taskId: string;
  readonly annotatorId: number;
  /** image_id, or a reference's sha256. */
  readonly name: string;
}

/** What a task calls an image: another name in every task and for every person, so that none can be recognised. */
export function deriveSlot(secret: Uint8Array, { taskId, annotatorId, name }: SlotSource): string {
  const mac = createHmac("sha256", secret).update(`slot\n${taskId}\n${annotatorId}\n${name}`).digest();
  return mac.subarray(0, SLOT_BYTES).toString("base64url");
}

/** Compares in a time that says nothing of where two texts differ. */
export function isSameText(first: string, second: string): boolean {
  // Hashes are of one length, whatever the texts are.
  return timingSafeEqual(createHash("sha256").update(first).digest(), createHash("sha256").update(second).digest());
}

const SECRET_BYTES = 32;
/** For its owner alone. */
const MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * The secret that the page's slots and the lead's link are made of: `<dir>/page/secret`, made at the first start. It is in no database, so
 * that a copy of that opens nothing. Deleting the file makes another lead's link.
 * @throws {FatalError} if it can neither be read nor made.
 */
export function openServerSecret(dir: string): Uint8Array {
  const folder = join(dir, "page");
  const file = join(folder, "secret");
  try {
    makeFolder(folder, FOLDER_MODE);
    // An empty one is what a full disk or a power cut left: nothing was made of it.
    if (sizeOf(file) === 0) writeSecret(file);
    chmodSync(file, MODE);
    const secret = readFileSync(file);
    if (secret.length === SECRET_BYTES) return secret;
  } catch (error) {
    throw new FatalError(`Cannot use the server's secret ${file}: ${fileProblem(error)}`, {
      hint: fileHint(error, "`dir` in the config has to be a folder that this user may write"),
      cause: error,
    });
  }
  throw new FatalError(`Cannot use the server's secret ${file}: it is not ${SECRET_BYTES} bytes long`, {
    hint: "delete it: the next start makes another, and with it another lead's link; nothing else is lost",
  });
}

/** 0 where nothing is. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Under another name first: a start that is killed leaves no half of it. One process serves a dataset, so that nobody else writes it. */
function writeSecret(file: string): void {
  const partial = `${file}.partial`;
  writeFileSync(partial, randomBytes(SECRET_BYTES), { mode: MODE, flush: true });
  renameSync(partial, file);
}
