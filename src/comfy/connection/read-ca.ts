import { readFileSync } from "node:fs";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";

/** The TLS option for a certificate authority of the user's own. @throws {ConfigError} if its file cannot be read. */
export function readCa(caFile: string | null): { readonly ca?: string } {
  if (caFile === null) return {};
  try {
    return { ca: readFileSync(caFile, "utf8") };
  } catch (error) {
    throw new ConfigError(`Cannot read the CA certificate ${caFile}: ${fileProblem(error)}`, {
      hint: "correct servers[].ca_file",
      cause: error,
    });
  }
}
