import { check, index, integer, primaryKey, sqliteTable, text } from "../drizzle.ts";
import { jobs } from "./tables.ts";
import { states } from "../states.ts";

/**
 * What servers said against jobs. `open`: not decided yet whether the job or the server is to blame; `counted`: the job, it is in
 * jobs.failures; `forgiven`: the server, which was latched out. Open ones are in jobs.failures, too.
 */
export const jobFailures = sqliteTable(
  "job_failures",
  {
    job: text()
      .notNull()
      .references(() => jobs.job),
    promptKey: text("prompt_key").notNull(),
    variant: text().notNull(),
    server: text().notNull(),
    attempt: integer().notNull(),
    reason: text().notNull(),
    detail: text().notNull(),
    state: text().notNull(),
    atMs: integer("at_ms").notNull(),
  },
  (table) => [
    // An attempt fails once.
    primaryKey({ columns: [table.job, table.attempt] }),
    index("job_failures_server_state").on(table.server, table.state),
    check("job_failures_state", states("state", ["open", "counted", "forgiven"])),
  ],
);
