import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 bit: nobody guesses it, so that its hash needs neither salt nor stretching. */
const TOKEN_BYTES = 32;
/** 128 bit. */
const SLOT_BYTES = 16;

/** A token for a personal link, 43 characters that every address bar takes. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/** What the database has of a token: hex. */
export function tokenSha256Of(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The lead's token: the same at every start, so that the lead's link lives as long as the server's secret. */
export function leadTokenOf(secret: Uint8Array): string {
  return createHmac("sha256", secret).update("lead").digest("base64url");
}

/** A task_id: random, so that it says nothing of order or of others. */
export function newTaskId(): string {
  return randomBytes(SLOT_BYTES).toString("base64url");
}

export interface SlotOf {
  readonly taskId: string;
  readonly annotatorId: number;
  /** image_id, or a reference's sha256. */
  readonly name: string;
}

/** What a task calls an image: another name in every task and for every person, so that none can be recognised. */
export function slotOf(secret: Uint8Array, { taskId, annotatorId, name }: SlotOf): string {
  const mac = createHmac("sha256", secret).update(`slot\n${taskId}\n${annotatorId}\n${name}`).digest();
  return mac.subarray(0, SLOT_BYTES).toString("base64url");
}

/** Compares in a time that says nothing of where two texts differ. */
export function isSameText(first: string, second: string): boolean {
  // Hashes are of one length, whatever the texts are.
  return timingSafeEqual(createHash("sha256").update(first).digest(), createHash("sha256").update(second).digest());
}
