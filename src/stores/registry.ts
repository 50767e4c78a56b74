import type { Config } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import type { ObjectStore } from "./object-store.ts";

/** `store` of the configuration, its URI absolute. */
export type StoreSettings = Config["store"];

export interface StoreOptions {
  /** Transfers at a time, ≥ 1. */
  readonly concurrency: number;
}

type OpenStore = (settings: StoreSettings, options: StoreOptions) => Promise<ObjectStore>;

/** Stores by URI scheme. A new one is a file beside this and a line here. */
export const STORES: Readonly<Record<string, OpenStore>> = {
  file: async ({ uri }) => (await import("./file/file.ts")).fileStore(uri),
  s3: async ({ uri, endpoint, region, path_style, storage_class, sse, tags }, { concurrency }) =>
    (await import("./s3/s3.ts")).s3Store({
      uri,
      endpoint,
      region,
      pathStyle: path_style,
      storageClass: storage_class,
      sse,
      tags,
      concurrency,
    }),
};

/**
 * Opens the store that a URI names. No request yet: what is wrong with credentials or bucket shows at the first one.
 * @throws {ConfigError} if no store has that scheme, or the URI is not one of its.
 */
export async function openStore(settings: StoreSettings, options: StoreOptions): Promise<ObjectStore> {
  const [scheme = ""] = settings.uri.split(":", 1);
  const open = Object.hasOwn(STORES, scheme) ? STORES[scheme] : undefined;
  if (open === undefined) {
    const known = Object.keys(STORES).map((name) => `${name}:`);
    throw new ConfigError(`Cannot use store.uri: its scheme is none of ${known.join(", ")}`, {
      hint: "write store.uri as s3://bucket/prefix or file:folder",
    });
  }
  return open(settings, options);
}
