import type { JudgeImage } from "../judge.ts";

/** Of a smaller image that is sent: no artefact that a model would see, a tenth of a PNG's bytes. */
const JPEG_QUALITY = 92;

/** Begins of the formats that stores hold. Sources: PNG (Third Edition) §5.2, JPEG T.81 §B.1.1.3, RFC 9649 §2.4 (WebP). */
const FORMATS: readonly { readonly mime: string; readonly is: (hex: string) => boolean }[] = [
  { mime: "image/png", is: (hex) => hex.startsWith("89504e470d0a1a0a") },
  { mime: "image/jpeg", is: (hex) => hex.startsWith("ffd8ff") },
  { mime: "image/webp", is: (hex) => hex.startsWith("52494646") && hex.slice(16, 24) === "57454250" },
];

/** The image as a data: URL, no side longer than `maxSidePx` (null: as it is stored). */
export async function imageUrl(image: JudgeImage, maxSidePx: number | null, signal: AbortSignal): Promise<string> {
  const stored = await image.bytes(signal);
  const { widthPx, heightPx } = image.inspection;
  if (maxSidePx === null || Math.max(widthPx, heightPx) <= maxSidePx) return dataUrl(mimeOf(stored), stored);
  const { default: sharp } = await import("sharp"); // 66 ms that other judges must not pay.
  const smaller = await sharp(stored)
    .resize(maxSidePx, maxSidePx, { fit: "inside" })
    .flatten({ background: "#808080" }) // JPEG knows no transparency.
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer();
  return dataUrl("image/jpeg", smaller);
}

function mimeOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, 12)).toString("hex");
  return FORMATS.find(({ is }) => is(hex))?.mime ?? "application/octet-stream";
}

function dataUrl(mime: string, bytes: Uint8Array): string {
  return `data:${mime};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;
}
