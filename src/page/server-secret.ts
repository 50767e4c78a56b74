import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FatalError } from "../errors.ts";
import { errnoOf } from "../lib/errno.ts";
import { fileProblem } from "../lib/file-problem.ts";
import { makeFolder } from "../lib/make-folder.ts";

const SECRET_BYTES = 32;
/** For its owner alone. */
const MODE = 0o600;

/**
 * The secret that the page's slots and the lead's link are made of: `<dir>/page/secret`, made at the first start. It is in no database, so
 * that a copy of that opens nothing. Deleting the file makes another lead's link.
 * @throws {FatalError} if it can neither be read nor made.
 */
export function serverSecret(dir: string): Uint8Array {
  const folder = join(dir, "page");
  const file = join(folder, "secret");
  try {
    makeFolder(folder);
    try {
      writeFileSync(file, randomBytes(SECRET_BYTES), { flag: "wx", mode: MODE, flush: true });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    chmodSync(file, MODE);
    const secret = readFileSync(file);
    if (secret.length === SECRET_BYTES) return secret;
  } catch (error) {
    throw new FatalError(`Cannot use the server's secret ${file}: ${fileProblem(error)}`, {
      hint: "`dir` in the config has to be a folder that this user may write",
      cause: error,
    });
  }
  throw new FatalError(`Cannot use the server's secret ${file}: it is not ${SECRET_BYTES} bytes long`, {
    hint: "delete it: the next start makes another, and with it another lead's link; nothing else is lost",
  });
}
