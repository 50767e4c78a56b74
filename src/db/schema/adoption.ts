import { check, index, integer, sql, sqliteTable, text } from "../drizzle.ts";
import { images } from "./tables.ts";

// What is kept of images that were made elsewhere (`harvest --adopt`), beside their rows in jobs and images.

export const adoptedImages = sqliteTable("adopted_images", {
  imageId: text("image_id")
    .primaryKey()
    .references(() => images.imageId),
  /** Of the graph in the image, without prompt, seed and prefix; null where there is none. */
  workflowSha256: text("workflow_sha256"),
  /** Values of this image by bound name, JSON object: variants of adopted images have none of their own. */
  params: text().notNull(),
  /** Where several sources describe one image, the lowest stays: the order of adopting decides nothing. */
  rank: text().notNull(),
  /** H{what of the configuration it was described by}: once that changes, the newer description stays. */
  rules: text().notNull(),
});

/** What a source offered: so that adopting again reads only what is new, and what was refused is counted. */
export const adoptedItems = sqliteTable(
  "adopted_items",
  {
    /** H{what the source names}. No address: it may hold a secret. */
    item: text().primaryKey(),
    /** H{the source}. */
    source: text().notNull(),
    /** Of everything that would make it another image, or describe it otherwise. */
    fingerprint: text().notNull(),
    imageId: text("image_id").references(() => images.imageId),
    reason: text(),
    detail: text(),
    /** The adoption that refused it last: what a later one no longer finds is forgotten. */
    run: integer().notNull(),
  },
  (table) => [
    index("adopted_items_reason").on(table.reason, table.source),
    check("adopted_items_outcome", sql.raw("(image_id is null) = (reason is not null)")),
  ],
);
