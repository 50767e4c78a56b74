import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { checksumsText, sha256Of } from "../make/checksums.ts";
import { CROISSANT } from "../card/croissant.ts";
import { isDamage, publishedLines, streamPublished } from "./published-file.ts";
import { readImagesCsv } from "../make/images-csv.ts";
import type { DataFile } from "../make/manifest.ts";
import { INDEX } from "../make/part-files.ts";
import type { SpooledFile } from "../make/spool.ts";
import { FatalError } from "../../../errors.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import type { PublishedVersion } from "./read-lineage.ts";

const IMAGES = "images.csv";
const CARD = "README.md";
/** A key of the store at the end of a URI, as every schema has made them. */
const KEY = /(?:images|references)\/[0-9a-f]{3}\/[^/]+$/;

/** A version, or one that is being made, whose content is to be compared. */
export interface VersionContent {
  /** Every file but the manifest and SHA256SUMS. */
  readonly files: readonly Pick<SpooledFile, "path" | "sha256">[];
  /** Of these, the files of rows. */
  readonly dataFiles: readonly Pick<DataFile, "path" | "format" | "rows">[];
  /** How formats with images show them: what such files hold follows from this, the rows and the images. Null where there is none. */
  readonly images: string | null;
  /** Of a part: what it builds on. */
  readonly since: { readonly version: string; readonly manifestSha256: string } | null;
  /** `export.uri_base`, which is a wish and so part of the content; undefined where a version does not say it. */
  readonly uriBase: string | null | undefined;
  read(path: string): AsyncIterable<Buffer> | Promise<AsyncIterable<Buffer>>;
}

/**
 * Hashes what a version says, whatever store its images lay in when it was written: the place is left out of their URIs, and checksums that
 * follow from it are left out. Equal rows, files beside them and settings give an equal digest (SHA-256, hex).
 * @throws where a file is missing or damaged.
 */
export async function contentDigest(content: VersionContent): Promise<string> {
  const { files, dataFiles, images, since } = content;
  const place = await placeOf(content);
  const byPath = new Map(dataFiles.map((file) => [file.path, file]));
  const sums: SpooledFile[] = [];
  for (const file of files) {
    sums.push({ path: file.path, sizeBytes: 0, sha256: await digestOf(file, { content, dataFile: byPath.get(file.path), place }) });
  }
  // The key stays `pictures`: published versions were digested under it.
  const facts = { uri_base: place.uriBase, pictures: images, since };
  return sha256Of(`${JSON.stringify(facts)}\n${checksumsText(sums)}`);
}

/** Where a version says that its images are. */
export interface ImagePlace {
  /** What stands before the keys in this version's URIs; "" where nothing is to be left out. */
  readonly prefix: string;
  readonly uriBase: string | null;
}

/** Returns where a version says that its images are. @throws {RangeError} for a damaged list of images. */
export async function placeOf(content: Pick<VersionContent, "uriBase" | "read">): Promise<ImagePlace> {
  const { uriBase } = content;
  if (typeof uriBase === "string") return { prefix: "", uriBase };
  for await (const image of readImagesCsv(await content.read(IMAGES))) {
    if (typeof image === "string") throw new RangeError(`${IMAGES}: ${image}`);
    const prefix = image.uri.replace(KEY, "");
    // Versions of earlier programs do not say it: what is no address of a store was asked for.
    if (uriBase === undefined && !/^(?:file|s3):\/\//.test(prefix)) return { prefix: "", uriBase: prefix };
    return { prefix, uriBase: null };
  }
  return { prefix: "", uriBase: null };
}

interface Digesting {
  readonly content: VersionContent;
  readonly dataFile: VersionContent["dataFiles"][number] | undefined;
  readonly place: ImagePlace;
}

async function digestOf({ path, sha256 }: VersionContent["files"][number], { content, dataFile, place }: Digesting): Promise<string> {
  if (dataFile?.format !== undefined) return sha256Of(`${dataFile.rows} rows`);
  // Both list other files with their checksums.
  if (path === INDEX || path === CROISSANT) return sha256Of("present");
  if (path === CARD) {
    const card = await text(Readable.from(await content.read(path)));
    return sha256Of(card.replace(/\brows sha256:[0-9a-f]{64}/g, "rows"));
  }
  if (place.prefix === "") return sha256;
  if (path === IMAGES) return listDigest(await content.read(path), place.prefix);
  if (dataFile === undefined) return sha256;
  return withoutPrefix(await content.read(path), { path, prefix: place.prefix });
}

/** By value: what a URI begins with decides whether CSV quotes it. */
async function listDigest(chunks: AsyncIterable<Buffer>, prefix: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const image of readImagesCsv(chunks)) {
    if (typeof image === "string") throw new RangeError(`${IMAGES}: ${image}`);
    hash.update(`${image.uri.startsWith(prefix) ? image.uri.slice(prefix.length) : image.uri} ${image.sha256} ${image.bytes}\n`);
  }
  return hash.digest("hex");
}

interface Stripping {
  readonly path: string;
  readonly prefix: string;
}

/** Returns a function that takes a text out of lines of JSON. Byte by byte: latin1 is quicker than UTF-8, and keeps every byte. */
export function lineStripper(prefix: string): (line: Buffer) => string {
  const bytes = Buffer.from(JSON.stringify(prefix).slice(1, -1)).toString("latin1");
  return (line) => (bytes === "" ? line.toString("latin1") : line.toString("latin1").replaceAll(bytes, ""));
}

/** SHA-256 (hex) of a file's lines without a text that stands in them. */
async function withoutPrefix(chunks: AsyncIterable<Buffer>, { path, prefix }: Stripping): Promise<string> {
  const strip = lineStripper(prefix);
  const hash = createHash("sha256");
  for await (const line of publishedLines(path, chunks)) {
    hash.update(`${strip(line.bytes)}\n`, "latin1");
  }
  return hash.digest("hex");
}

interface PlaceNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "get">;
  readonly signal: AbortSignal;
}

/**
 * Reads where a version says that its images are. Where the store lay when a row was written is no value of the row: a dataset that moved
 * has
 * the same rows. @throws {FatalError} for a damaged list of images.
 */
export async function publishedPlace({ version, manifest }: PublishedVersion, { store, signal }: PlaceNeeds): Promise<ImagePlace> {
  try {
    return await placeOf({ uriBase: manifest.uriBase, read: (path) => streamPublished(store, `${version}/${path}`, signal) });
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw new FatalError(`Cannot use ${version}: its images.csv is missing or damaged`, { hint: `verify ${version}`, cause: error });
  }
}
