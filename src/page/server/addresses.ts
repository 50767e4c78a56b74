import { hostname, networkInterfaces } from "node:os";
import { isIPv4, isIPv6 } from "node:net";
import { ConfigError } from "../../errors.ts";

export interface ServeAddress {
  readonly host: string;
  /** Null if none is configured. */
  readonly publicUrl: string | null;
  /** The user accepts that plain HTTP shows links and votes to the network. */
  readonly insecure: boolean;
}

/** Returns true for an address that no other machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/**
 * Refuses to serve other machines over plain HTTP, where anybody on the way can read the links and images, and vote with them.
 * @throws {ConfigError} if the page would be open to a network without TLS and without --insecure.
 */
export function refuseOpenNetwork({ host, publicUrl, insecure }: ServeAddress): void {
  if (isLoopback(host) || insecure || publicUrl?.startsWith("https://") === true) return;
  throw new ConfigError(`Cannot serve the page on ${host}: links and votes would cross the network unencrypted`, {
    hint: "put a TLS proxy in front and set annotate.people.public_url to its https:// address. In a network that you trust, use --insecure",
  });
}

/** Returns a host as URLs write it: IPv6 in brackets. */
function formatUrlHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Returns the address at which people open the page. */
export function buildPageUrl({ host, publicUrl }: Pick<ServeAddress, "host" | "publicUrl">, port: number): string {
  if (publicUrl !== null) return new URL(publicUrl).origin;
  const reachable = isWildcard(host)
    ? (listOwnAddresses().find((address) => isIPv4(address) && !isLoopback(address)) ?? "127.0.0.1")
    : host;
  return `http://${formatUrlHost(reachable)}:${port}`;
}

/**
 * Lists the origins under which this server serves the page. A request for any other comes by DNS rebinding or from another site. IP
 * addresses of this machine cannot be rebound, so with 0.0.0.0 each of them is accepted.
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
