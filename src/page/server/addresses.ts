import { hostname, networkInterfaces } from "node:os";
import { isIPv4, isIPv6 } from "node:net";
import { ConfigError } from "../../errors.ts";

export interface ServeAddress {
  readonly host: string;
  /** Null: none is configured. */
  readonly publicUrl: string | null;
  /** The user takes on what plain HTTP shows to the network. */
  readonly insecure: boolean;
}

/** True for an address that no other machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/**
 * Over plain HTTP anybody on the way reads the links and the images, and votes with them.
 * @throws {ConfigError} where the page would be open to a network without TLS and nobody asked for that.
 */
export function refuseOpenNetwork({ host, publicUrl, insecure }: ServeAddress): void {
  if (isLoopback(host) || insecure || publicUrl?.startsWith("https://") === true) return;
  throw new ConfigError(`Cannot serve the page on ${host}: links and votes would cross the network unencrypted`, {
    hint: "put a TLS proxy before it and set annotate.people.public_url: https://…; in a network that you trust, --insecure",
  });
}

/** What stands in a URL for a host: IPv6 in brackets. */
export function formatUrlHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Where people open the page. */
export function buildPageUrl({ host, publicUrl }: Pick<ServeAddress, "host" | "publicUrl">, port: number): string {
  if (publicUrl !== null) return new URL(publicUrl).origin;
  const reachable = isWildcard(host)
    ? (listOwnAddresses().find((address) => isIPv4(address) && !isLoopback(address)) ?? "127.0.0.1")
    : host;
  return `http://${formatUrlHost(reachable)}:${port}`;
}

/**
 * Origins under which the page is this server's. A request under any other name came by DNS rebinding or from another site's page.
 * IP addresses of this machine cannot be rebound, so that with 0.0.0.0 each of them is taken.
 */
export function listOwnOrigins({ host, publicUrl }: Pick<ServeAddress, "host" | "publicUrl">, port: number): ReadonlySet<string> {
  const names = new Set(isWildcard(host) ? [...listOwnAddresses(), hostname().toLowerCase()] : [host]);
  if (isWildcard(host) || isLoopback(host)) for (const name of ["127.0.0.1", "localhost", "::1"]) names.add(name);
  const origins = [...names].map((name) => new URL(`http://${formatUrlHost(name)}:${port}`).origin);
  return new Set(publicUrl === null ? origins : [...origins, new URL(publicUrl).origin]);
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function listOwnAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter(({ scopeid = 0 }) => scopeid === 0).map(({ address }) => address),
  );
}
