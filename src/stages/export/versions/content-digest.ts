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
/** The key of an image at the end of a URI, in every layout of a store that there has been. */
const KEY = /(?:images|references)\/[0-9a-f]{3}\/[^/]+$/;

/** A version, published or in the spool, whose content is to be compared. */
export interface VersionContent {
  /** Every file but the manifest and SHA256SUMS. */
  readonly files: readonly Pick<SpooledFile, "path" | "sha256">[];
  /** The files of rows among these. */
  readonly dataFiles: readonly Pick<DataFile, "path" | "format" | "rows">[];
  /**
   * How images were converted for formats that carry them; null where there are none. The content of these files follows from this, the
   * rows and the images.
   */
  readonly images: string | null;
  /** The version that a part builds on. */
  readonly since: { readonly version: string; readonly manifestSha256: string } | null;
  /** `export.uri_base`: somebody asked for it, so that it is part of the content. Undefined where a version does not record it. */
  readonly uriBase: string | null | undefined;
  read(path: string): AsyncIterable<Buffer> | Promise<AsyncIterable<Buffer>>;
}

/**
 * Hashes the content of a version, wherever its images were stored when it was written. Their place is left out of the URIs, and so are
 * checksums that follow from it. Equal rows, files beside them and settings give an equal digest (SHA-256, hex).
 * @throws where a file is missing or damaged.
 */
export async function contentDigest(content: VersionContent): Promise<string> {
  const { files, dataFiles, images, since } = content;
  const place = await findImagePlace(content);
  const byPath = new Map(dataFiles.map((file) => [file.path, file]));
  const sums: SpooledFile[] = [];
  for (const file of files) {
    sums.push({ path: file.path, sizeBytes: 0, sha256: await digestFile(file, { content, dataFile: byPath.get(file.path), place }) });
  }
  // The key stays `pictures`: published versions were digested under it.
  const facts = { uri_base: place.uriBase, pictures: images, since };
  return sha256Of(`${JSON.stringify(facts)}\n${checksumsText(sums)}`);
}

/** The place of the images, as a version records it. */
export interface ImagePlace {
  /** The part before the keys in the URIs of this version. "" if nothing is to be left out. */
  readonly prefix: string;
  readonly uriBase: string | null;
}

/**
 * Returns where the images are, as a version records it.
 * @throws {RangeError} for a damaged list of images.
 */
export async function findImagePlace(content: Pick<VersionContent, "uriBase" | "read">): Promise<ImagePlace> {
  const { uriBase } = content;
  if (typeof uriBase === "string") return { prefix: "", uriBase };
  for await (const image of readImagesCsv(await content.read(IMAGES))) {
    if (typeof image === "string") throw new RangeError(`${IMAGES}: ${image}`);
    const prefix = image.uri.replace(KEY, "");
    // Versions of earlier programs do not record it. There, what is not the address of a store is a `uri_base`.
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

async function digestFile({ path, sha256 }: VersionContent["files"][number], { content, dataFile, place }: Digesting): Promise<string> {
  if (dataFile?.format !== undefined) return sha256Of(`${dataFile.rows} rows`);
  // Both list other files with their checksums.
  if (path === INDEX || path === CROISSANT) return sha256Of("present");
  if (path === CARD) {
    const card = await text(Readable.from(await content.read(path)));
    return sha256Of(card.replace(/\brows sha256:[0-9a-f]{64}/g, "rows"));
  }
  if (place.prefix === "") return sha256;
  if (path === IMAGES) return digestList(await content.read(path), place.prefix);
  if (dataFile === undefined) return sha256;
  return digestLines(await content.read(path), { path, prefix: place.prefix });
}

/** Hashes the list by its values, because the beginning of a URI decides whether CSV quotes it. */
async function digestList(chunks: AsyncIterable<Buffer>, prefix: string): Promise<string> {
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

/** Returns a function that removes a prefix from a line of JSON. It works on latin1, which is quicker than UTF-8 and keeps every byte. */
export function lineStripper(prefix: string): (line: Buffer) => string {
  const bytes = Buffer.from(JSON.stringify(prefix).slice(1, -1)).toString("latin1");
  return (line) => (bytes === "" ? line.toString("latin1") : line.toString("latin1").replaceAll(bytes, ""));
}

/** Hashes the lines of a file without the prefix. */
async function digestLines(chunks: AsyncIterable<Buffer>, { path, prefix }: Stripping): Promise<string> {
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
 * Reads where the images of a published version are. The place of a store is not a value of the rows: a dataset whose store moved has the
 * same rows.
 * @throws {FatalError} for a damaged list of images.
 */
export async function readImagePlace({ version, manifest }: PublishedVersion, { store, signal }: PlaceNeeds): Promise<ImagePlace> {
  try {
    return await findImagePlace({ uriBase: manifest.uriBase, read: (path) => streamPublished(store, `${version}/${path}`, signal) });
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw new FatalError(`Cannot use ${version}: its images.csv is missing or damaged`, { hint: `verify ${version}`, cause: error });
  }
}
