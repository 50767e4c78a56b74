import { randomUUID } from "node:crypto";
import { eq } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { dataset } from "../../schema/tables.ts";

export type DatasetRow = typeof dataset.$inferSelect;

/** The set of default values that a new dataset gets and keeps: see `dataset.defaults`. */
const DEFAULTS = 1;

/** The dataset row, made with a new random id where the database is new. */
export function ensureDataset(db: Db, { name, nowMs }: { readonly name: string; readonly nowMs: number }): DatasetRow {
  return db.orm.transaction(
    (tx) => {
      const found = tx.select().from(dataset).get();
      return (
        found ??
        tx
          .insert(dataset)
          .values({ id: 1, name, datasetId: randomUUID(), promptIdNamespace: randomUUID(), defaults: DEFAULTS, createdAtMs: nowMs })
          .returning()
          .get()
      );
    },
    { behavior: "immediate" },
  );
}

/** Returns the dataset row, undefined if the database has none yet. */
export function findDataset(db: Db): DatasetRow | undefined {
  return db.orm.select().from(dataset).get();
}

/** Remembers what was planned from; the next run compares with it. */
export function rememberPlan(
  db: Db,
  plan: Partial<Pick<DatasetRow, "config" | "storeUri" | "baseSeed" | "planFingerprint" | "planPartial">>,
): void {
  db.orm.update(dataset).set(plan).where(eq(dataset.id, 1)).run();
}

/**
 * True if the plan holds every prompt that the configuration asks for: neither cut by --prompts nor interrupted. A dataset that was
 * never planned holds adopted images only, and is whole.
 */
export function isWholePlan(db: Db): boolean {
  const row = findDataset(db);
  return row !== undefined && (row.config === null || row.planFingerprint !== null) && row.planPartial === 0;
}

/** The set of default values that the dataset keeps; the newest where there is no dataset yet. */
export function keptDefaults({ orm }: Pick<Db, "orm">): number {
  return orm.select({ defaults: dataset.defaults }).from(dataset).get()?.defaults ?? DEFAULTS;
}
