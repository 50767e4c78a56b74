import type { Db } from "../../open.ts";
import type { RowRange } from "./groups.ts";

/** The scope of links and drops, which are replaced together. */
export interface LinkScope {
  readonly pairSet: string;
  readonly promptKey: string;
  readonly criterion: string;
}

export interface ScoredImageRow {
  readonly imageId: string;
  readonly score: number;
}

/** One stored training row. */
export interface LinkRow {
  readonly rowId: string;
  readonly chosen: ScoredImageRow;
  /** Best first. */
  readonly rejected: readonly ScoredImageRow[];
  readonly source: string;
  readonly margin: number;
  readonly agreement: number | null;
  readonly nVotes: number;
  readonly nCandidates: number;
}

export interface DropRow {
  readonly unit: "image" | "pair" | "prompt";
  readonly reason: string;
  readonly count: number;
}

export interface StoredLinks {
  /** Ordered by row_id. */
  readonly links: readonly LinkRow[];
  /** Ordered by unit and reason. */
  readonly drops: readonly DropRow[];
}

interface PreferenceRow extends LinkScope {
  readonly rowId: string;
  readonly chosen: string;
  readonly chosenScore: number;
  readonly source: string;
  readonly margin: number;
  readonly agreement: number | null;
  readonly nVotes: number;
  readonly nCandidates: number;
  readonly rejected: string;
  readonly rejectedScore: number;
}

/** Returns a key that is equal exactly for equal scopes. */
export function scopeKey({ pairSet, promptKey, criterion }: LinkScope): string {
  return `${pairSet} ${promptKey} ${criterion}`;
}

/** Prepares queries that read and replace what linking wrote. All of it is derived from other tables, so deleting it loses nothing. */
export function preferenceQueries({ client }: Pick<Db, "client">) {
  const pairSets = client
    .prepare<[], string>(`select distinct pair_set from preferences union select distinct pair_set from drops`)
    .pluck();
  const linksInRange = client.prepare<[RowRange], PreferenceRow>(`
    select pair_set as pairSet, prompt_key as promptKey, criterion, row_id as rowId, chosen, chosen_score as chosenScore, source, margin,
      agreement, n_votes as nVotes, n_candidates as nCandidates, image_id as rejected, preference_rejected.score as rejectedScore
    from prompts as page cross join preferences using (prompt_key) cross join preference_rejected using (place)
    where page.rowid > @after and page.rowid <= @last order by page.rowid, pair_set, row_id, rank`);
  // Filtered by pair set, because the key of the table begins with it.
  const dropsInRange = client.prepare<[RowRange & { pairSet: string }], LinkScope & DropRow>(`
    select pair_set as pairSet, prompt_key as promptKey, criterion, unit, reason, count
    from prompts as page cross join drops using (prompt_key)
    where page.rowid > @after and page.rowid <= @last and pair_set = @pairSet order by page.rowid, criterion, unit, reason`);

  const inScope = "pair_set = @pairSet and prompt_key = @promptKey and criterion = @criterion";
  // Cascades to the rejected images.
  const deleteLinks = client.prepare(`delete from preferences where ${inScope}`);
  const deleteDrops = client.prepare(`delete from drops where ${inScope}`);
  const insertLink = client.prepare(`
    insert into preferences (pair_set, row_id, prompt_key, criterion, chosen, source, margin, agreement, n_votes, n_candidates, chosen_score)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const insertRejected = client.prepare(`insert into preference_rejected (place, rank, image_id, score) values (?, ?, ?, ?)`);
  const insertDrop = client.prepare(`insert into drops (pair_set, prompt_key, criterion, unit, reason, count) values (?, ?, ?, ?, ?, ?)`);

  return {
    /** Lists the pair sets that have links or drops. */
    pairSets: (): readonly string[] => pairSets.all(),

    /** Reads the links and drops of a range of prompts in these pair sets, by `scopeKey`. Scopes without any are missing. */
    storedIn(range: RowRange, sets: readonly string[]): ReadonlyMap<string, LinkScope & StoredLinks> {
      const scopes = new Map<string, LinkScope & { links: LinkRow[]; drops: DropRow[] }>();
      const scopeOf = ({ pairSet, promptKey, criterion }: LinkScope) => {
        const key = scopeKey({ pairSet, promptKey, criterion });
        const scope = scopes.get(key) ?? { pairSet, promptKey, criterion, links: [], drops: [] };
        scopes.set(key, scope);
        return scope;
      };
      for (const [, rows] of Map.groupBy(linksInRange.all(range), (row) => `${row.pairSet} ${row.rowId}`)) {
        const [first] = rows;
        if (first !== undefined) scopeOf(first).links.push(linkOf(first, rows));
      }
      for (const pairSet of sets) {
        for (const { unit, reason, count, ...scope } of dropsInRange.all({ ...range, pairSet }))
          scopeOf(scope).drops.push({ unit, reason, count });
      }
      return scopes;
    },

    /**
     * Replaces the links and drops of a scope. Must be called inside a transaction.
     * @param isNew the scope has none yet. Deleting nothing would still read two index pages from disk.
     */
    replace(scope: LinkScope, { links, drops }: StoredLinks, { isNew }: { readonly isNew: boolean }): void {
      const { pairSet, promptKey, criterion } = scope;
      if (!isNew) {
        deleteLinks.run({ pairSet, promptKey, criterion });
        deleteDrops.run({ pairSet, promptKey, criterion });
      }
      for (const { rowId, chosen, rejected, source, margin, agreement, nVotes, nCandidates } of links) {
        const facts = [criterion, chosen.imageId, source, margin, agreement, nVotes, nCandidates, chosen.score];
        const { lastInsertRowid: place } = insertLink.run(pairSet, rowId, promptKey, ...facts);
        for (const [rank, loser] of rejected.entries()) insertRejected.run(place, rank, loser.imageId, loser.score);
      }
      for (const { unit, reason, count } of drops) insertDrop.run(pairSet, promptKey, criterion, unit, reason, count);
    },
  };
}

function linkOf(first: PreferenceRow, rows: readonly PreferenceRow[]): LinkRow {
  return {
    rowId: first.rowId,
    chosen: { imageId: first.chosen, score: first.chosenScore },
    rejected: rows.map((row) => ({ imageId: row.rejected, score: row.rejectedScore })),
    source: first.source,
    margin: first.margin,
    agreement: first.agreement,
    nVotes: first.nVotes,
    nCandidates: first.nCandidates,
  };
}

export interface LinkedCounts {
  /** Training rows of the pair set, after the last linking. */
  readonly rows: number;
  /** `unit:reason` → count, the largest first. */
  readonly drops: Readonly<Record<string, number>>;
}

/** Counts the rows and drops of the last linking of a pair set. */
export function countLinked({ client }: Pick<Db, "client">, pairSet: string): LinkedCounts {
  const rows = client.prepare<[string], number>(`select count(*) from preferences where pair_set = ?`).pluck().get(pairSet) ?? 0;
  const drops = client
    .prepare<[string], { unit: string; reason: string; count: number }>(
      `select unit, reason, sum(count) as count from drops where pair_set = ? group by unit, reason order by count desc, unit, reason`,
    )
    .all(pairSet);
  return { rows, drops: Object.fromEntries(drops.map(({ unit, reason, count }) => [`${unit}:${reason}`, count])) };
}
