import type { DiskFile, EmulatorDisk, FilePlace } from "../files/disk.ts";
import type { FaultPlan } from "../faults.ts";
import { pngChunk } from "../images/png.ts";

/** What makes another file of the one that was saved. */
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

export type ViewFault = (typeof VIEW_FAULTS)[number];
export type Remake = (typeof REMAKES)[number];

export function isRemake(fault: ViewFault | undefined): fault is Remake {
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

/** What goes wrong with this answer, if anything. */
export function spoiledView(plan: FaultPlan, { subject, text }: Viewing): ViewFault | undefined {
  const recipe = text();
  return VIEW_FAULTS.find((kind) => plan.strikes(kind, subject, recipe));
}

interface Viewed {
  readonly place: FilePlace;
  readonly file: DiskFile;
}

/** The file whose bytes "view-swap" sends: the first other one of the same kind. */
export function swappedFile(disk: Pick<EmulatorDisk, "places" | "get">, { place, file }: Viewed): DiskFile | undefined {
  for (const other of disk.places(place.type)) {
    const candidate = disk.get(other);
    if (candidate !== undefined && candidate !== file) return candidate;
  }
  return undefined;
}
