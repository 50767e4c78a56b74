import { RejectError } from "../../errors.ts";

/** Facts in an image's own structure. */
export interface Image {
  readonly widthPx: number;
  readonly heightPx: number;
  /** ComfyUI's `prompt`, JSON of the graph that ran; null if the image carries none. */
  readonly embeddedPrompt: string | null;
}

/** Makes the error of bytes that no writer of the format leaves. `what` completes "The image is corrupt: …". */
export function corrupt(what: string): RejectError {
  return new RejectError("corrupt", `The image is corrupt: ${what}`);
}

/** Makes the error of a sound image of which a dataset could only hold a part. */
export function animated(frames: number): RejectError {
  return new RejectError("animated", `The image is animated: it has ${frames} frames`);
}

/** Makes the error of an image that is not there to its end. */
export function truncated(sizeBytes: number): RejectError {
  return new RejectError("truncated", `The image ends after ${sizeBytes} bytes, before its end`);
}

/** Makes the error of an image that goes on after its announced length. */
export function tooLong(announcedBytes: number): RejectError {
  return new RejectError("corrupt", `The image has more than the announced ${announcedBytes} bytes`);
}
