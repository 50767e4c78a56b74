import { posix } from "node:path";
import { gzipSync } from "node:zlib";
import { insideFolder, type DiskFile, type EmulatorDisk, type FilePlace, annotated, isFolderType } from "../files/disk.ts";
import type { FaultPlan } from "../faults.ts";
import { answerBytes, answerEmpty, type HttpExchange } from "./http-exchange.ts";
import { pngChunk } from "../images/png.ts";

export interface ViewRouteDeps {
  readonly disk: EmulatorDisk;
  readonly faults: { current(): FaultPlan };
  onViewed(): void;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".gif": "image/gif",
  ".bmp": "image/bmp",
  ".mp4": "video/mp4",
  ".json": "application/json",
};

/** GET and HEAD /view. */
export async function view(exchange: HttpExchange, deps: ViewRouteDeps): Promise<void> {
  const place = viewedPlace(exchange.query);
  if (typeof place === "number") return answerEmpty(exchange, place);
  const file = deps.disk.get(place);
  if (file === undefined) return answerEmpty(exchange, 404);
  const disposition = { "Content-Disposition": `filename="${place.filename}"` };
  const channel = exchange.query.get("channel") ?? "";
  const preview = exchange.query.get("preview");
  if (preview !== null || channel === "rgb" || channel === "a") {
    const { bytes, contentType } = await reencoded(deps.disk.read(file), { preview, channel });
    deps.onViewed();
    return answerBytes(exchange, 200, { ...disposition, "Content-Type": contentType, "Content-Length": String(bytes.length) }, bytes);
  }
  const contentType = CONTENT_TYPES[posix.extname(place.filename).toLowerCase()] ?? "application/octet-stream";
  await sendFile(exchange, { place, file, headers: { ...disposition, "Content-Type": contentType } }, deps);
}

/** The place that a query means, or the status that ComfyUI refuses it with. */
function viewedPlace(query: URLSearchParams): FilePlace | number {
  const asked = query.get("filename");
  if (asked === null) return 404;
  const { name, type: ownType } = annotated(asked);
  if (name === "" || name.startsWith("/") || name.includes("..")) return 400;
  const type = ownType ?? query.get("type") ?? "output";
  if (!isFolderType(type)) return 400;
  const subfolder = insideFolder(query.get("subfolder") ?? "");
  return subfolder === undefined ? 403 : { type, subfolder, filename: posix.basename(name) };
}

interface ViewedFile {
  readonly place: FilePlace;
  readonly file: DiskFile;
  readonly headers: Readonly<Record<string, string>>;
}

async function sendFile(exchange: HttpExchange, { place, file, headers }: ViewedFile, deps: ViewRouteDeps): Promise<void> {
  const subject = `${place.type}/${place.subfolder}/${place.filename}`;
  const plan = deps.faults.current();
  const text = (): string => JSON.stringify(deps.disk.recipeOf(file) ?? null);
  const spoil = spoiledView(plan, { subject, text });
  if (spoil === "view-404") return answerEmpty(exchange, 404);
  const shown = spoil === "view-swap" ? (swappedFile(deps.disk, { place, file }) ?? file) : file;
  const saved = deps.disk.read(shown);
  const bytes = isRemake(spoil) ? await remade(saved, spoil) : saved;

  const etag = `"${Math.floor(file.mtimeMs * 1000).toString(16)}${file.write.toString(16)}-${bytes.length.toString(16)}"`;
  const validators = { ...headers, Etag: etag, "Last-Modified": new Date(file.mtimeMs).toUTCString() };
  if (exchange.request.headers["if-none-match"]?.split(",").some((tag) => tag.trim() === etag || tag.trim() === "*") ?? false) {
    return answerBytes(exchange, 304, validators, new Uint8Array());
  }
  const range = rangeOf(exchange.request.headers.range, bytes.length);
  if (range === "unsatisfiable") {
    return answerBytes(
      exchange,
      416,
      { ...headers, "Content-Range": `bytes */${String(bytes.length)}`, "Content-Length": "0" },
      new Uint8Array(),
    );
  }
  const body = range === undefined ? bytes : bytes.subarray(range.start, range.end);
  const length = { "Content-Length": String(body.length), "Accept-Ranges": "bytes" };
  deps.onViewed();
  if (spoil === "view-gzip") {
    const coded = gzipSync(body);
    const coding = { "Content-Encoding": "gzip", "Content-Length": String(coded.length) };
    return answerBytes(exchange, 200, { ...validators, ...coding }, coded);
  }
  if (spoil !== undefined && spoil !== "view-swap" && !isRemake(spoil))
    return spoilAnswer(exchange, { spoil, body, headers: { ...validators, ...length } });
  if (range === undefined) return answerBytes(exchange, 200, { ...validators, ...length }, body);
  const contentRange = `bytes ${String(range.start)}-${String(range.end - 1)}/${String(bytes.length)}`;
  answerBytes(exchange, 206, { ...validators, ...length, "Content-Range": contentRange }, body);
}

interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** `bytes=a-b`, `bytes=a-`, `bytes=-n`; anything else is ignored, as aiohttp answers several ranges with the whole. */
function rangeOf(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") return size === 0 ? "unsatisfiable" : { start: Math.max(0, size - Number(match[2])), end: size };
  const start = Number(match[1]);
  const end = match[2] === "" ? size : Math.min(size, Number(match[2]) + 1);
  return start >= size || end <= start ? "unsatisfiable" : { start, end };
}

interface SpoiledAnswer {
  readonly spoil: "view-cut" | "view-short" | "view-flip" | "view-html" | "view-stall";
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

function spoilAnswer(exchange: HttpExchange, { spoil, body, headers }: SpoiledAnswer): void {
  const half = body.subarray(0, Math.floor(body.length / 2));
  if (spoil === "view-short") return answerBytes(exchange, 200, { ...headers, "Content-Length": String(half.length) }, half);
  if (spoil === "view-html") {
    const page = Buffer.from("<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>");
    return answerBytes(exchange, 200, { "Content-Type": "text/html; charset=utf-8", "Content-Length": String(page.length) }, page);
  }
  if (spoil === "view-flip") {
    const flipped = Buffer.from(body);
    // Three quarters in: among the pixels, past the text chunks.
    const at = Math.floor((flipped.length * 3) / 4);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    return answerBytes(exchange, 200, headers, flipped);
  }
  const { response } = exchange;
  response.writeHead(200, headers);
  response.write(half, () => {
    if (spoil === "view-cut") response.destroy();
  });
}

interface Reencoding {
  readonly preview: string | null;
  readonly channel: string;
}

/** `preview=webp;90` and `channel=rgb`: other bytes, no text chunks. */
async function reencoded(
  bytes: Buffer,
  { preview, channel }: Reencoding,
): Promise<{ readonly bytes: Buffer; readonly contentType: string }> {
  const { default: sharp } = await import("sharp");
  const image = sharp(bytes);
  if (preview !== null) {
    const [asked = "", ...rest] = preview.split(";");
    const last = rest.at(-1) ?? asked;
    const quality = /^\d+$/.test(last) ? Math.min(100, Math.max(1, Number(last))) : 90;
    // ComfyUI knows two formats, and only one with transparency.
    const isJpeg = asked === "jpeg" && !channel.includes("a");
    const encoded = isJpeg ? image.jpeg({ quality }) : image.webp({ quality });
    return { bytes: await encoded.toBuffer(), contentType: isJpeg ? "image/jpeg" : "image/webp" };
  }
  if (channel === "rgb") return { bytes: await image.removeAlpha().png().toBuffer(), contentType: "image/png" };
  const alpha = await image.ensureAlpha().extractChannel("alpha").toBuffer({ resolveWithObject: true });
  const { width, height } = alpha.info;
  const black = sharp({ create: { width, height, channels: 3, background: "#000000" } });
  return { bytes: await black.joinChannel(alpha.data).png().toBuffer(), contentType: "image/png" };
}

/** The faults that make another file of the one that was saved. */
const REMAKES = ["view-webp", "view-small", "view-bare", "view-animated"] as const;
const VIEW_FAULTS = [
  "view-404",
  "view-cut",
  "view-short",
  "view-flip",
  "view-html",
  "view-swap",
  "view-stall",
  "view-gzip",
  ...REMAKES,
] as const;

type ViewFault = (typeof VIEW_FAULTS)[number];
type Remake = (typeof REMAKES)[number];

function isRemake(fault: ViewFault | undefined): fault is Remake {
  return REMAKES.some((remake) => remake === fault);
}

/** The bytes of the file that the fault makes of a PNG. */
export async function remade(bytes: Buffer, fault: Remake): Promise<Buffer> {
  const { default: sharp } = await import("sharp");
  const image = sharp(bytes);
  switch (fault) {
    case "view-webp":
      return image.webp().toBuffer();
    case "view-bare":
      return image.png().toBuffer();
    case "view-animated":
      return animatedPng(bytes);
    case "view-small": {
      const { width, height } = await image.metadata();
      const small = await image
        .resize(Math.ceil(width / 2), Math.ceil(height / 2))
        .png()
        .toBuffer();
      const texts = chunksOf(bytes).filter(({ type }) => type === "tEXt");
      const [header, ...rest] = chunksOf(small);
      return Buffer.concat([small.subarray(0, SIGNATURE_BYTES), ...[header, ...texts, ...rest].flatMap((each) => each?.whole ?? [])]);
    }
  }
}

const SIGNATURE_BYTES = 8;

function chunksOf(png: Buffer) {
  const chunks: { readonly type: string; readonly data: Buffer; readonly whole: Buffer }[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length;) {
    const end = at + 12 + png.readUInt32BE(at);
    chunks.push({ type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, end - 4), whole: png.subarray(at, end) });
    at = end;
  }
  return chunks;
}

/** The same frame twice. Source: PNG (Third Edition) §11.3.6. */
function animatedPng(png: Buffer): Buffer {
  const chunks = chunksOf(png);
  const size = chunks[0]?.data.subarray(0, 8) ?? Buffer.alloc(8);
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  // Sequence number, size, place, delay of 1/10 s, and what becomes of the frame.
  const control = (sequence: number): Buffer =>
    pngChunk("fcTL", Buffer.concat([number(sequence), size, Buffer.alloc(8), Buffer.of(0, 1, 0, 10, 0, 0)]));
  const pixels = Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data));
  const before = chunks.filter(({ type }) => type !== "IDAT" && type !== "IEND").map(({ whole }) => whole);
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    ...before,
    pngChunk("acTL", Buffer.concat([number(2), number(0)])),
    control(0),
    pngChunk("IDAT", pixels),
    control(1),
    pngChunk("fdAT", Buffer.concat([number(2), pixels])),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

interface Viewing {
  readonly subject: string;
  /** The file's recipe as text, where FAIL is looked for. */
  readonly text: () => string;
}

/** Returns the fault of this answer, if any. */
function spoiledView(plan: FaultPlan, { subject, text }: Viewing): ViewFault | undefined {
  const recipe = text();
  return VIEW_FAULTS.find((kind) => plan.strikes(kind, subject, recipe));
}

interface Viewed {
  readonly place: FilePlace;
  readonly file: DiskFile;
}

/** The file whose bytes "view-swap" sends: the first other one of the same kind. */
function swappedFile(disk: Pick<EmulatorDisk, "places" | "get">, { place, file }: Viewed): DiskFile | undefined {
  for (const other of disk.places(place.type)) {
    const candidate = disk.get(other);
    if (candidate !== undefined && candidate !== file) return candidate;
  }
  return undefined;
}
