import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A URI in its absolute form, or why it is none that we use. */
export type CheckedUri = { readonly uri: string } | { readonly why: string };

/** AWS's rules for names of general purpose buckets, without those that only AWS's own suffixes need. */
const BUCKET = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * Makes a store's URI absolute: `s3://bucket/prefix` (without slashes at its end), or `file:folder` and `file:///folder` as
 * `file:///…`. Folders are relative to `dir`.
 */
export function resolveStoreUri(uri: string, dir: string): CheckedUri {
  if (uri.startsWith("s3:")) return checkS3Uri(uri);
  if (!uri.startsWith("file:"))
    return {
      why: `is no store, expected s3://bucket/prefix or file:folder${/^\w+:/.test(uri) ? "" : " (a folder needs file: before it)"}`,
    };
  if (!uri.startsWith("file://")) {
    const folder = uri.slice("file:".length);
    return folder === "" ? { why: "names no folder: expected file:folder" } : { uri: pathToFileURL(resolve(dir, folder)).href };
  }
  // Of file://images/a the first part would be a host.
  if (!uri.startsWith("file:///")) return { why: "names a host: expected file:folder or file:///absolute/folder" };
  try {
    return { uri: pathToFileURL(resolve(fileURLToPath(uri))).href };
  } catch {
    return { why: "holds a % that stands for no character of a path: write %25, or file:folder, which takes % as it is" };
  }
}

/** A folder for the export as an absolute path (relative ones start at `dir`), or an S3 URI. */
export function resolveExportUri(uri: string, dir: string): CheckedUri {
  if (/^(?:s3|file):/.test(uri)) {
    const checked = resolveStoreUri(uri, dir);
    return "uri" in checked && checked.uri.startsWith("file:") ? { uri: fileURLToPath(checked.uri) } : checked;
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(uri)) return { why: "is no place to export to: expected a folder or s3://bucket/prefix" };
  if (uri === "") return { why: "is empty, expected a folder or s3://bucket/prefix" };
  return { uri: isAbsolute(uri) ? resolve(uri) : resolve(dir, uri) };
}

function checkS3Uri(uri: string): CheckedUri {
  const [, bucket, path = ""] = /^s3:\/\/([^/?#]*)(\/[^?#]*)?$/.exec(uri) ?? [];
  if (bucket === undefined || bucket === "") return { why: "names no bucket: expected s3://bucket/prefix" };
  if (!BUCKET.test(bucket)) {
    return {
      why: `names a bucket that no store allows, expected 3 to 63 lower-case letters, digits, '-' and '.', a letter or digit first and last`,
    };
  }
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.some((part) => part === "." || part === "..")) return { why: "has . or .. in its prefix" };
  return { uri: [`s3://${bucket}`, ...parts].join("/") };
}
