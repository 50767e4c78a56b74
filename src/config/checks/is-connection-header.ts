/** What describes one connection or one body, RFC 9110 §7.6.1 and §8: a second value there garbles requests or hangs them. */
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
export function isConnectionHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return CONNECTION_HEADERS.has(lower) || lower.startsWith("sec-websocket-");
}
