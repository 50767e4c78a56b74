/** Bytes that tell a format. */
export const SNIFF_BYTES = 12;

/** The extension of an image that ComfyUI's LoadImage takes, by its first bytes; null for anything else. */
export function imageExtension(head: Buffer): "png" | "jpg" | "webp" | null {
  const text = head.toString("latin1");
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("\xff\xd8\xff")) return "jpg";
  return text.startsWith("RIFF") && text.startsWith("WEBP", 8) ? "webp" : null;
}
