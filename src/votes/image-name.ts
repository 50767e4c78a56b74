/** An image_id at the end of a URI or path. Every store, mount and `uri_base` keeps the file's name; tools put a prefix of their own before it. */
const IMAGE_ID = /(?:^|[^0-9A-Za-z])(i_[0-9a-f]{32})(?:\.[A-Za-z0-9]+)?$/;
/** Where Label Studio serves files of the machine that it runs on. Source: labelstud.io/guide/storage, "Local storage". */
const LOCAL_FILE = /\/local-files\/?\?(?:[^#]*&)?d=([^&#]+)/;

/** The image_id that a name ends in; undefined where it is none. */
export function imageIdIn(name: string): string | undefined {
  return IMAGE_ID.exec(unescaped(name))?.[1];
}

/** A name without what a server adds to it. */
export function bareName(name: string): string {
  return LOCAL_FILE.exec(name)?.[1] ?? name.replace(/[?#].*$/, "");
}

/** With its slashes, where they came as %2F. What is no such text stays as it is. */
function unescaped(name: string): string {
  return name.replaceAll(/%2f|%5c/gi, "/");
}
