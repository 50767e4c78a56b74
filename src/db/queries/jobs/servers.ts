import { eq } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { servers } from "../../schema/servers.ts";

export type ServerRow = typeof servers.$inferSelect;

/** Returns what is remembered of a server, undefined if it was never seen. */
export function findServer(db: Db, url: string): ServerRow | undefined {
  return db.orm.select().from(servers).where(eq(servers.url, url)).get();
}

/** Returns what is remembered of every server, by URL. */
export function listServers(db: Db): readonly ServerRow[] {
  return db.orm.select().from(servers).orderBy(servers.url).all();
}

/** Records what was seen of a server; fields not given stay as they were. */
export function rememberServer(db: Db, url: string, seen: Partial<Omit<ServerRow, "url">>): void {
  db.orm
    .insert(servers)
    .values({ url, ...seen })
    .onConflictDoUpdate({ target: servers.url, set: seen })
    .run();
}
