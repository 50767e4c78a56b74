import type { Db } from "../../open.ts";

export interface LinkedCounts {
  /** Training rows of the pair set, as linked last. */
  readonly rows: number;
  /** `unit:reason` → count, most first. */
  readonly drops: Readonly<Record<string, number>>;
}

/** What the last linking of a pair set gave, and what it left out. */
export function linkedCounts({ client }: Pick<Db, "client">, pairSet: string): LinkedCounts {
  const rows = client.prepare<[string], number>(`select count(*) from preferences where pair_set = ?`).pluck().get(pairSet) ?? 0;
  const drops = client
    .prepare<[string], { unit: string; reason: string; count: number }>(
      `select unit, reason, sum(count) as count from drops where pair_set = ? group by unit, reason order by count desc, unit, reason`,
    )
    .all(pairSet);
  return { rows, drops: Object.fromEntries(drops.map(({ unit, reason, count }) => [`${unit}:${reason}`, count])) };
}
