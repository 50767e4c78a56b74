// What an ETag says of the bytes: the MD5 of an object that came in one piece, or the MD5 of its parts' MD5s and their number. A customer's
// key, and some stores, make it something else, which may look the same.

/** Returns the ETag without its quotes, "" if there is none. */
export function unquoted(etag: string | undefined): string {
  return etag?.replaceAll('"', "") ?? "";
}

/** Returns the MD5 (hex) that an ETag is, undefined if it is none. */
export function md5Of(etag: string | undefined): string | undefined {
  const value = unquoted(etag);
  return /^[0-9a-f]{32}$/.test(value) ? value : undefined;
}

/** True for the ETag of an object that came in parts. */
export function isMultipartEtag(etag: string | undefined): boolean {
  return /^[0-9a-f]{32}-\d{1,5}$/.test(unquoted(etag));
}

/** True for an ETag that says something of the bytes. */
export function isContentEtag(etag: string | undefined): boolean {
  return md5Of(etag) !== undefined || isMultipartEtag(etag);
}
