/** What has to be known of an answer whose body goes straight from the socket into memory. */
export interface PlainHead {
  readonly bodyBytes: number;
  /** The connection may be used again. */
  readonly keepAlive: boolean;
}

/** A field line. Source: RFC 9110 §5.5 and §5.6.2, without obs-text, so that nothing here depends on an encoding. */
const FIELD = /^([!#$%&'*+.^_`|~\dA-Za-z-]+):[ \t]*([\t\x20-\x7e]*)$/;
/** Lengths that a number holds exactly. */
const LENGTH = /^\d{1,15}$/;
/** Fields after which a body is something else than so many bytes of the file. */
const OTHER_BODIES = new Set(["transfer-encoding", "content-encoding", "content-range", "trailer", "upgrade"]);

/**
 * Reads the head of an answer, its lines without the empty one that ends it. Null for everything but a 200 of HTTP/1.1 with one length
 * and no coding: that is for whoever reads HTTP in full.
 */
export function parsePlainHead(head: string): PlainHead | null {
  const [status = "", ...lines] = head.split("\r\n");
  if (!/^HTTP\/1\.1 200(?: [\t\x20-\x7e]*)?$/.test(status)) return null;
  let bodyBytes: number | null = null;
  let keepAlive = true;
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    const field = name.toLowerCase();
    if (OTHER_BODIES.has(field)) return null;
    if (field === "connection") keepAlive &&= value.trimEnd().toLowerCase() === "keep-alive";
    if (field !== "content-length") continue;
    if (bodyBytes !== null || !LENGTH.test(value.trimEnd())) return null;
    bodyBytes = Number(value);
  }
  return bodyBytes === null ? null : { bodyBytes, keepAlive };
}
