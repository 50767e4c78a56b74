import { Readable } from "node:stream";
import { messageOf, RejectError, TransientError } from "../../errors.ts";
import { type OpenedImage, quotedName } from "./adopt-source.ts";
import { open } from "node:fs/promises";
import { errnoOf, fileProblem } from "../../lib/files/file-problem.ts";

/** A request without an answer for this long is given up, ms. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Asks any web server for an image. Messages show `shown`: the address itself may hold a secret. */
export async function openHttp(
  address: string,
  { shown, signal }: { readonly shown: string; readonly signal: AbortSignal },
): Promise<OpenedImage> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ANSWER_TIMEOUT_MS);
  let answer: Response;
  try {
    answer = await fetch(address, { signal: AbortSignal.any([signal, late.signal]) });
  } catch (error) {
    signal.throwIfAborted();
    // fetch says "fetch failed"; what failed is in its cause.
    const why = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    throw new TransientError(`Cannot read ${shown}: ${late.signal.aborted ? "it does not answer" : why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (answer.ok && answer.body !== null) {
    const length = answer.headers.get("content-length");
    // The length of an encoded body is not that of its content.
    const isPlain = answer.headers.get("content-encoding") === null;
    const sizeBytes = isPlain && length !== null && /^\d{1,15}$/.test(length) ? Number(length) : null;
    return { body: Readable.fromWeb(answer.body), sizeBytes };
  }
  await answer.body?.cancel();
  const { status } = answer;
  if (status === 404 || status === 410) throw new RejectError("lost-file", `${shown} answers ${status}: there is no such image`);
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    throw new TransientError(`Cannot read ${shown}: it answers ${status}`);
  throw new RejectError("unreadable", `Cannot read ${shown}: it answers ${status}`);
}

/** Reads an image's file. @throws {RejectError} where there is none, or it cannot be read. */
export async function openFile(path: string): Promise<OpenedImage> {
  try {
    const handle = await open(path, "r");
    const found = await handle.stat();
    if (found.isFile()) return { body: handle.createReadStream(), sizeBytes: found.size };
    await handle.close();
    throw new RejectError("unreadable", `${quotedName(path)} is no file`);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const reason = errnoOf(error) === "ENOENT" ? "lost-file" : "unreadable";
    throw new RejectError(reason, `Cannot read ${quotedName(path)}: ${fileProblem(error)}`, { cause: error });
  }
}
