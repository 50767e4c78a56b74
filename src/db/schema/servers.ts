import { check, integer, sqliteTable, text } from "../drizzle.ts";
import { states } from "../states.ts";

// What is remembered of servers, and of the software and hardware that images were made by.

/**
 * The software and hardware that made images: a restart of a server with another ComfyUI, PyTorch, Python, device or arguments begins
 * another epoch, and the same seed may give another image there.
 */
export const serverEpochs = sqliteTable("server_epochs", {
  /** H{the columns below but the time}: servers that are alike share it. */
  epoch: text().primaryKey(),
  comfyui: text().notNull(),
  pytorch: text().notNull(),
  python: text().notNull(),
  device: text().notNull(),
  /** The command line's, JSON array. */
  arguments: text().notNull(),
  firstSeenAtMs: integer("first_seen_at_ms").notNull(),
});

/** What is remembered of a server between runs. */
export const servers = sqliteTable(
  "servers",
  {
    url: text().primaryKey(),
    state: text().notNull().default("up"),
    /** Highest `number` that POST /prompt answered: a lower one later means that the server restarted. */
    lastNumber: integer("last_number"),
    detail: text(),
    /** 1: started with --disable-metadata, its PNGs name no job. */
    withoutMetadata: integer("without_metadata").notNull().default(0),
    /** As it was last seen; null: never. */
    epoch: text().references(() => serverEpochs.epoch),
    seenAtMs: integer("seen_at_ms"),
    /** What a person asked for with `servers drain|resume`; a running generate reads it. */
    wanted: text().notNull().default("run"),
    /** Model of the last job sent there, "" where its workflow names none. */
    model: text().notNull().default(""),
  },
  () => [
    check("servers_state", states("state", ["up", "down", "latched", "drained", "removed"])),
    check("servers_wanted", states("wanted", ["run", "drain"])),
  ],
);
