import { ConfigError } from "../../errors.ts";
import { describeNode, nodeOf, type ApiGraph } from "./graph.ts";

/** Formats that savers offer and that no dataset of images can hold, by the words that their inputs know them by. */
const UNSUPPORTED =
  /^(?:image\/|video\/|\.)?(?:exr|openexr|hdr|avif|heic|heif|tiff?|bmp|gif|apng|jxl|jpeg ?xl|jp2|j2k|jpeg ?2000|jxr|qoi|psd|svg|tga|dds|ico|ppm|pgm|pfm|mp4|webm|mov|mkv)(?![a-z\d])/i;
/** Inputs that name a file, not its format. */
const NAMES = /prefix|name|path|folder|dir/i;

export interface UnsupportedOptions {
  readonly outputs: readonly string[];
  readonly variant: string;
}

/**
 * Refuses outputs that are told to save what harvest could only reject, before a night is spent on it. A format that is not written in the
 * graph (a link, a value of each prompt) is seen by harvest alone.
 * @throws {ConfigError}
 */
export function refuseUnsupported(graph: ApiGraph, { outputs, variant }: UnsupportedOptions): void {
  for (const nodeId of outputs) {
    const inputs = Object.entries(nodeOf(graph, nodeId)?.inputs ?? {});
    const found = inputs.find(([input, value]) => typeof value === "string" && UNSUPPORTED.test(value.trim()) && !NAMES.test(input));
    if (found === undefined) continue;
    const [input, value] = found;
    throw new ConfigError(
      `Cannot use ${describeNode(graph, nodeId)} as an output of variant ${variant}: its input "${input}" is ${JSON.stringify(value)}, and a dataset holds PNG, JPEG and WebP`,
      { hint: `choose png in that node and export the workflow again, or set { "${nodeId}.${input}": png } in candidates.variants` },
    );
  }
}
