import { and, eq, ne, sql } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { variants } from "../../schema/tables.ts";

export type VariantRow = typeof variants.$inferSelect;

/** Returns all variants by name, those of adopted images too. */
export function listVariants(db: Db): readonly VariantRow[] {
  return db.orm.select().from(variants).orderBy(variants.variant).all();
}

/** Returns a variant by its expanded name. */
export function findVariant(db: Db, variant: string): VariantRow | undefined {
  return db.orm.select().from(variants).where(eq(variants.variant, variant)).get();
}

/** Returns the variants that may be run, by name. Those of adopted images are never run. */
export function variantsToRun(db: Db): Pick<VariantRow, "variant" | "state" | "hasWorked">[] {
  return db.orm
    .select({ variant: variants.variant, state: variants.state, hasWorked: variants.hasWorked })
    .from(variants)
    .where(ne(variants.workflow, ""))
    .orderBy(variants.variant)
    .all();
}

/** Some server has made an image of the variant. */
export function markWorked(db: Db, variant: string): void {
  db.orm.update(variants).set({ hasWorked: 1 }).where(eq(variants.variant, variant)).run();
}

const isStillShut = sql`${variants.state} in ('quarantined', 'paused') and ${variants.workflowSha256} = excluded.workflow_sha256`;

/**
 * Adds or refreshes variants; those not named are set aside with their planned jobs. A quarantined or paused one stays so, and those of
 * adopted images stay.
 */
export function replaceVariants(db: Db, rows: readonly (typeof variants.$inferInsert)[]): void {
  db.orm.transaction(
    (tx) => {
      tx.update(variants)
        .set({ state: "inactive" })
        .where(and(eq(variants.state, "active"), ne(variants.workflow, "")))
        .run();
      for (const row of rows) {
        const { variant: _key, ...columns } = row;
        tx.insert(variants)
          .values(row)
          .onConflictDoUpdate({
            target: variants.variant,
            set: {
              ...columns,
              // One that was corrected is tried anew.
              state: sql`case when ${isStillShut} then ${variants.state} else 'active' end`,
              reason: sql`case when ${isStillShut} then ${variants.reason} end`,
            },
          })
          .run();
      }
    },
    { behavior: "immediate" },
  );
}
