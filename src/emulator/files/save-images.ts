import { posix } from "node:path";
import type { EmulatorDisk } from "./disk.ts";
import { NodeFailure } from "../nodes/nodes.ts";
import { sizeOf, type Image } from "../images/image.ts";
import type { TextChunk } from "../images/png.ts";
import { dict, type PyValue } from "../python-json.ts";
import { savePath } from "./save-path.ts";

interface SaveRequest {
  readonly images: readonly Image[];
  readonly prefix: string;
  readonly type: "output" | "temp";
  readonly text: readonly TextChunk[];
  /** What stands between the counter and the extension. @default "_" */
  readonly ending?: "" | "_";
}

/** Where this server says its folders are. */
const ROOT = "/ComfyUI";

/** Saves a batch under consecutive counters and returns history's list of it. @throws {NodeFailure} for a prefix that leaves the folder. */
export function saveImages(disk: EmulatorDisk, { images, prefix, type, text, ending = "_" }: SaveRequest): PyValue {
  const [first] = images;
  const { width, height } = first === undefined ? { width: 0, height: 0 } : sizeOf(first);
  const path = savePath({ prefix, width, height, now: new Date(), names: (subfolder) => disk.names({ type, subfolder }) });
  if (path === undefined) throw outsideFolder(prefix, type);
  const { subfolder } = path;
  const places = images.map((_, index) => {
    const counter = String(path.counter + index).padStart(5, "0");
    return { type, subfolder, filename: `${path.filename.replaceAll("%batch_num%", String(index))}_${counter}${ending}.png` };
  });
  disk.saveImages(places, { images, text });
  return places.map(({ filename }) => dict({ filename, subfolder, type }));
}

function outsideFolder(prefix: string, type: string): NodeFailure {
  const output = `${ROOT}/${type}`;
  const full = posix.resolve(output, posix.dirname(posix.normalize(prefix)));
  const lines = [
    "**** ERROR: Saving image outside the output folder is not allowed.",
    ` full_output_folder: ${full}`,
    `         output_dir: ${output}`,
    `         commonpath: ${commonPath(full, output)}`,
  ];
  return new NodeFailure("Exception", lines.join("\n"));
}

function commonPath(a: string, b: string): string {
  const other = b.split("/");
  const shared: string[] = [];
  for (const [index, part] of a.split("/").entries()) {
    if (part !== other[index]) break;
    shared.push(part);
  }
  return shared.join("/") || "/";
}
