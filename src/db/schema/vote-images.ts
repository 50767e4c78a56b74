import { primaryKey, sqliteTable, text } from "../drizzle.ts";
import { votes } from "./tables.ts";

/**
 * The file that a vote was about, if its image has been made again since (`exclude --redo`). The vote says nothing of an image while
 * that is another file, and counts again once it is the same.
 */
export const voteImages = sqliteTable(
  "vote_pictures",
  {
    voteId: text("vote_id")
      .notNull()
      .references(() => votes.voteId, { onDelete: "cascade" }),
    /** No reference to images: the row is gone until the image is made. */
    imageId: text("image_id").notNull(),
    sha256: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.voteId, table.imageId] })],
);
