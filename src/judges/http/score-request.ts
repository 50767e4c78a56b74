import type { StreamedJson } from "../judge-server.ts";
import type { JudgeImage } from "../judge.ts";

/** Three bytes are four letters: a cut there leaves base64 whole. 192 KiB of an image at a time. */
const PIECE_BYTES = 3 * 64 * 1024;

export interface ScoreRequestOptions {
  readonly send: "b64" | "url";
  readonly signal: AbortSignal;
}

/** `{prompt, images: [{id, b64 | url}]}`. Images are read one at a time, as the connection takes them. */
export function scoreRequest(prompt: string, images: readonly JudgeImage[], { send, signal }: ScoreRequestOptions): StreamedJson {
  const head = `{"prompt":${JSON.stringify(prompt)},"images":[`;
  const parts = images.map((image, index) => ({
    image,
    before: `${index === 0 ? "" : ","}{"id":${JSON.stringify(image.imageId)},"${send}":"`,
    after: '"}',
  }));
  const sizes = parts.map(({ image, before, after }) => {
    const length = send === "url" ? Buffer.byteLength(inString(image.uri)) : 4 * Math.ceil(image.sizeBytes / 3);
    return Buffer.byteLength(before) + length + Buffer.byteLength(after);
  });

  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(head);
    for (const { image, before, after } of parts) {
      yield Buffer.from(before);
      if (send === "url") yield Buffer.from(inString(image.uri));
      else yield* base64(await image.bytes(signal));
      yield Buffer.from(after);
    }
    yield Buffer.from("]}");
  }

  return { sizeBytes: Buffer.byteLength(head) + sizes.reduce((sum, size) => sum + size, 0) + "]}".length, pieces: pieces() };
}

function* base64(bytes: Uint8Array): Generator<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length; at += PIECE_BYTES) yield Buffer.from(buffer.toString("base64", at, at + PIECE_BYTES), "latin1");
}

/** A text as it stands between the quotes of JSON. */
function inString(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
