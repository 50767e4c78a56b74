import { identityHash } from "../../lib/exact-json.ts";
import type { SystemStats } from "./system-stats.ts";

/** The software and hardware of a server, as far as they decide what a seed gives. */
export interface ServerEpoch {
  readonly comfyui: string;
  readonly pytorch: string;
  readonly python: string;
  readonly device: string;
  /** Arguments of the command line, without those that only say where the server and its files are. */
  readonly arguments: readonly string[];
}

/**
 * Options of ComfyUI that change no image: addresses, folders, the page, the log. Servers that differ in them are alike.
 * @see https://github.com/Comfy-Org/ComfyUI/blob/v0.33.0/comfy/cli_args.py
 */
const PLACE_OPTIONS: ReadonlySet<string> = new Set(
  (
    "listen port tls-keyfile tls-certfile enable-cors-header max-upload-size base-directory extra-model-paths-config output-directory " +
    "temp-directory input-directory user-directory database-url auto-launch disable-auto-launch windows-standalone-build dont-print-server " +
    "log-stdout verbose multi-user front-end-version front-end-root comfy-api-base enable-compress-response-body preview-method " +
    "preview-size disable-metadata date-based-output feature-flag enable-manager enable-manager-legacy-ui disable-manager-ui"
  )
    .split(" ")
    .map((name) => `--${name}`),
);

/** Reads what makes an epoch from what a server says of itself. Of several devices the first is the one that it uses. */
export function serverEpoch({ version, pytorch, python, argv, devices }: SystemStats): ServerEpoch {
  const [used] = devices;
  return { comfyui: version, pytorch, python, device: used?.name ?? "unknown", arguments: decisiveArguments(argv) };
}

/** The epoch's key: equal for servers that are alike. */
export function epochKeyOf({ comfyui, pytorch, python, device, arguments: words }: ServerEpoch): string {
  return identityHash({ comfyui, pytorch, python, device, arguments: words });
}

/** `ComfyUI 0.33.0, PyTorch 2.9.1, Python 3.11.7 on cuda:0 NVIDIA GeForce RTX 4090` */
export function describeEpoch({ comfyui, pytorch, python, device }: Omit<ServerEpoch, "arguments">): string {
  return `ComfyUI ${comfyui}, PyTorch ${pytorch}, Python ${python} on ${device}`;
}

/** Whole options in a fixed order: their order on the command line decides nothing. */
function decisiveArguments(argv: readonly string[]): readonly string[] {
  const options: string[][] = [];
  for (const word of argv) {
    if (word.startsWith("--")) {
      const [name = word, ...value] = word.split("=");
      options.push([name, ...(value.length > 0 ? [value.join("=")] : [])]);
    } else options.at(-1)?.push(word);
  }
  return options
    .filter(([name = ""]) => !PLACE_OPTIONS.has(name))
    .map((option) => option.join(" "))
    .toSorted((a, b) => (a < b ? -1 : 1));
}
