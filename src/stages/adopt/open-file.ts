import { open } from "node:fs/promises";
import { RejectError } from "../../errors.ts";
import { errnoOf, fileProblem } from "../../lib/files/file-problem.ts";
import type { OpenedImage } from "./adopt-source.ts";
import { quotedName } from "./quoted-name.ts";

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
