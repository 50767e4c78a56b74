import { ConfigError } from "../../errors.ts";

/**
 * The address before which an image's store key stands, with a slash at its end; null: the store's own addresses.
 * @throws {ConfigError} for one that signs or carries a password: annotators would see it, and it would end before they do.
 */
export function imageBase(option: string | undefined, configured: string | null): string | null {
  // A relative uri_base leads from an export's rows to its images; from an annotation tool it leads nowhere.
  const base = option ?? (/^[a-z][a-z0-9+.-]*:/i.test(configured ?? "") ? configured : null);
  if (base === null || base === "") return null;
  const name = option === undefined ? "export.uri_base" : "--uri-base";
  if (/[?#]/.test(base)) {
    throw new ConfigError(`Cannot put images under ${name}: what follows ? or # in it would come before the images' names`, {
      hint: "name a plain address; links that are signed end, and so would the tasks",
    });
  }
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/]*@/i.test(base)) {
    throw new ConfigError(`Cannot put images under ${name}: it has a user or password, which every annotator would see`, {
      hint: "name an address that opens without one",
    });
  }
  return base.endsWith("/") ? base : `${base}/`;
}
