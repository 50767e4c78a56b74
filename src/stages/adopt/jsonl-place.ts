import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { RejectError } from "../../errors.ts";
import type { Origin } from "./adopt-source.ts";
import type { AdoptLine } from "./read-line.ts";

/** Where a line's image is. */
export interface JsonlPlace {
  readonly scheme: "file" | "http" | "s3";
  /** A path for `file`, else the address. May hold a secret in its query: never shown, never kept. */
  readonly address: string;
  readonly origin: Origin;
}

/**
 * Finds out where a line's image is: `file` is relative to the JSONL, `uri` is file:, http(s): or s3:.
 * @throws {RejectError} "bad-line" for anything else.
 */
export function jsonlPlace(place: AdoptLine["place"], jsonl: string): JsonlPlace {
  if ("file" in place) return filePlace(resolve(dirname(jsonl), place.file));
  const { uri } = place;
  if (/^s3:\/\/[^/]+\/./s.test(uri)) return { scheme: "s3", address: uri, origin: originOf(uri) };
  const url = URL.canParse(uri) ? new URL(uri) : null;
  if (url?.protocol === "file:") return filePlace(pathOf(url));
  if (url?.protocol !== "http:" && url?.protocol !== "https:") throw bad("its uri is neither file:, http:, https: nor s3:");
  if (url.username !== "" || url.password !== "") throw bad("its uri holds a user name or password");
  return { scheme: "http", address: url.href, origin: originOf(`${url.origin}${url.pathname}`) };
}

function filePlace(path: string): JsonlPlace {
  return { scheme: "file", address: path, origin: originOf(pathToFileURL(path).href) };
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    // It throws TypeErrors for hosts and for escaped slashes.
    throw error instanceof TypeError ? bad("its uri names no file of this machine") : error;
  }
}

/** `scheme://host`, folders, name; of a file: its folder, and its name. */
function originOf(uri: string): Origin {
  const [, base = "", path = ""] = /^(\w+:\/\/[^/]*)\/?(.*)$/s.exec(uri) ?? [];
  const parts = path.split("/");
  const filename = parts.pop() ?? "";
  const folder = parts.join("/");
  return base === "file://"
    ? { server: `file:///${folder}`, subfolder: "", filename: unescaped(filename), type: "output" }
    : { server: base, subfolder: folder, filename, type: "output" };
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).toWellFormed();
  } catch {
    return part; // A bare % is part of the name.
  }
}

function bad(why: string): RejectError {
  return new RejectError("bad-line", `Cannot adopt this line: ${why}`);
}
