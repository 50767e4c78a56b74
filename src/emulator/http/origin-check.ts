import type { IncomingHttpHeaders } from "node:http";

/**
 * Whether a web page of another origin sent this request to a server on loopback; ComfyUI answers 403 then.
 * Without a port on one of the two sides only the host names are compared.
 */
export function originIsForeign({ host, origin }: IncomingHttpHeaders): boolean {
  if (host === undefined || origin === undefined) return false;
  const hostUrl = URL.parse(`http://${host}`);
  const originUrl = URL.parse(origin);
  if (hostUrl === null || originUrl === null || !isLoopback(hostUrl.hostname)) return false;
  const originHasPort = /:\d+$/.test(origin);
  const hostHasPort = /:\d+$/.test(host);
  const ownName = originHasPort ? host.toLowerCase() : hostUrl.hostname;
  const otherName = hostHasPort ? authorityOf(origin) : originUrl.hostname;
  return otherName !== "" && ownName !== otherName;
}

/** What stands between `//` and the path, lower-cased, with the port as it was written. */
function authorityOf(origin: string): string {
  return (/^[a-z][a-z0-9+.-]*:\/\/([^/]*)/i.exec(origin)?.[1] ?? "").toLowerCase();
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}
