import { sep } from "node:path";
import { fileURLToPath } from "node:url";
import { checkHttpUrl, checkServerUrl, resolveStoreUri, type CheckedUrl } from "../addresses.ts";
import type { Path } from "../path.ts";
import { findTwice, problemAt, type Problem } from "../problem.ts";
import type { Config, ConfigFile } from "../schema.ts";

/** Finds servers that no request can go to, or that are named twice. */
export function checkServers({ servers }: ConfigFile): readonly Problem[] {
  const checked = servers.map(({ url }) => checkServerUrl(url));
  return [
    ...checked.flatMap((result, index) => whyNot(result, ["servers", index, "url"])),
    ...findTwice(
      checked.map((result) => ("url" in result ? result.url : null)),
      (index) => ["servers", index, "url"],
    ),
    ...servers.flatMap(({ headers }, index) => checkHeaders(headers, ["servers", index, "headers"])),
  ];
}

/** Finds `harvest.reclaim` without a server whose folder is known. */
export function checkReclaim({ harvest, servers }: ConfigFile): readonly Problem[] {
  if (!harvest.reclaim || servers.some(({ output_dir: folder }) => folder !== null)) return [];
  return [problemAt(["harvest", "reclaim"], " is true, and no server says where its originals lie: set output_dir of a server")];
}

/** Finds a store or an endpoint that is no address. */
export function checkStores({ store: { uri, endpoint } }: ConfigFile): readonly Problem[] {
  const checked = resolveStoreUri(uri, "/");
  return [
    ...("why" in checked ? [problemAt(["store", "uri"], ` ${checked.why}`)] : []),
    ...(endpoint === undefined ? [] : whyNot(checkHttpUrl(endpoint), ["store", "endpoint"])),
  ];
}

/**
 * Finds a store and an export that would lie in one another. Each takes what is in its place for its own: versions would be looked for
 * among images, and a version could be given the name of a folder of images.
 */
export function checkPlaces({ store, export: exported }: Pick<Config, "store" | "export">): readonly Problem[] {
  const isFolder = store.uri.startsWith("file:");
  const separator = isFolder ? sep : "/";
  const stored = withEnd(isFolder ? fileURLToPath(store.uri) : store.uri, separator);
  const target = withEnd(exported.uri, separator);
  const relation =
    stored === target
      ? "is"
      : stored.startsWith(target)
        ? "is inside"
        : // A bucket that is the store, with exports under a prefix of their own, is common, and there keys never meet.
          isFolder && target.startsWith(stored)
          ? "holds"
          : null;
  if (relation === null) return [];
  return [
    {
      path: ["store", "uri"],
      message: `store.uri ${relation} the folder of the export, ${exported.uri}: images and versions each need a place of their own (the defaults are file:images and export)`,
    },
  ];
}

const withEnd = (place: string, separator: string): string => (place.endsWith(separator) ? place : `${place}${separator}`);

/** Finds headers that cannot be sent. Messages do not repeat their values, which may be secrets. */
export function checkHeaders(headers: Readonly<Record<string, string>>, path: Path): readonly Problem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (isConnectionHeader(name)) return [problemAt([...path, name], " is set by the connection itself: leave it out", "key")];
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return [problemAt([...path, name], " is no name that a header can have", "key")];
    return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)
      ? []
      : [problemAt([...path, name], " holds a character that no header can carry (a line break at its end?)")];
  });
}

/** Headers of one connection or one body (RFC 9110 §7.6.1 and §8). A second value garbles requests or hangs them. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** True for headers that the HTTP or WebSocket client writes itself, in any letter case. */
function isConnectionHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return CONNECTION_HEADERS.has(lower) || lower.startsWith("sec-websocket-");
}

/** Turns a refused address into a problem. */
export function whyNot(checked: CheckedUrl, path: Path): readonly Problem[] {
  return "why" in checked ? [problemAt(path, ` ${checked.why}`)] : [];
}
