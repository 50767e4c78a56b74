import { ConfigError } from "../../errors.ts";

/** Where an `s3://bucket/prefix` points to; the prefix is "" or ends in a slash. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** @throws {ConfigError} if the URI names no bucket. Does not repeat it: people put credentials into URIs. */
export function parseS3Uri(uri: string): S3Place {
  const [, bucket, path = ""] = /^s3:\/\/([A-Za-z0-9._-]+)(\/[^?#\s]*)?$/.exec(uri) ?? [];
  if (bucket === undefined) {
    throw new ConfigError("Cannot use store.uri: it is no s3://bucket/prefix", {
      hint: "write s3://bucket/prefix; the server goes into store.endpoint, credentials into the environment",
    });
  }
  const prefix = path
    .split("/")
    .filter((part) => part !== "")
    .join("/");
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}
