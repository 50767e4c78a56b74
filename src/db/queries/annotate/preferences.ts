import type { Db } from "../../open.ts";
import type { RowRange } from "./groups.ts";

/** Links and drops are kept by pair set, prompt and criterion, and replaced as one. */
export interface LinkScope {
  readonly pairSet: string;
  readonly promptKey: string;
  readonly criterion: string;
}

export interface ScoredImageRow {
  readonly imageId: string;
  readonly score: number;
}

/** One training row as it is kept. */
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
  /** In row id order. */
  readonly links: readonly LinkRow[];
  /** By unit and reason. */
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

/** A text that two scopes share exactly where they are one. */
export function scopeKey({ pairSet, promptKey, criterion }: LinkScope): string {
  return `${pairSet} ${promptKey} ${criterion}`;
}

/** What linking wrote before, and how it is replaced. All of it is a function of other tables: nothing is lost by deleting it. */
export function preferenceQueries({ client }: Pick<Db, "client">) {
  const pairSets = client
    .prepare<[], string>(`select distinct pair_set from preferences union select distinct pair_set from drops`)
    .pluck();
  const linksInRange = client.prepare<[RowRange], PreferenceRow>(`
    select pair_set as pairSet, prompt_key as promptKey, criterion, row_id as rowId, chosen, chosen_score as chosenScore, source, margin,
      agreement, n_votes as nVotes, n_candidates as nCandidates, image_id as rejected, preference_rejected.score as rejectedScore
    from prompts as page cross join preferences using (prompt_key) cross join preference_rejected using (place)
    where page.rowid > @after and page.rowid <= @last order by page.rowid, pair_set, row_id, rank`);
  // By pair set: the key of the table begins with it.
  const dropsInRange = client.prepare<[RowRange & { pairSet: string }], LinkScope & DropRow>(`
    select pair_set as pairSet, prompt_key as promptKey, criterion, unit, reason, count
    from prompts as page cross join drops using (prompt_key)
    where page.rowid > @after and page.rowid <= @last and pair_set = @pairSet order by page.rowid, criterion, unit, reason`);

  const inScope = "pair_set = @pairSet and prompt_key = @promptKey and criterion = @criterion";
  // Their rejected images go with them.
  const deleteLinks = client.prepare(`delete from preferences where ${inScope}`);
  const deleteDrops = client.prepare(`delete from drops where ${inScope}`);
  const insertLink = client.prepare(`
    insert into preferences (pair_set, row_id, prompt_key, criterion, chosen, source, margin, agreement, n_votes, n_candidates, chosen_score)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const insertRejected = client.prepare(`insert into preference_rejected (place, rank, image_id, score) values (?, ?, ?, ?)`);
  const insertDrop = client.prepare(`insert into drops (pair_set, prompt_key, criterion, unit, reason, count) values (?, ?, ?, ?, ?, ?)`);

  return {
    /** Every pair set that has links or drops now. */
    pairSets: (): readonly string[] => pairSets.all(),

    /** What a range of prompts has now in these pair sets, by `scopeKey`; scopes with neither links nor drops are missing. */
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
     * Puts these links and drops in the place of the scope's. To be called inside a transaction.
     * @param isNew the scope has none: looking for them would read two more pages of indexes that no cache holds.
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
  /** Training rows of the pair set, as linked last. */
  readonly rows: number;
  /** `unit:reason` → count, most first. */
  readonly drops: Readonly<Record<string, number>>;
}

/** What the last linking of a pair set gave, and what it left out. */
export function countLinked({ client }: Pick<Db, "client">, pairSet: string): LinkedCounts {
  const rows = client.prepare<[string], number>(`select count(*) from preferences where pair_set = ?`).pluck().get(pairSet) ?? 0;
  const drops = client
    .prepare<[string], { unit: string; reason: string; count: number }>(
      `select unit, reason, sum(count) as count from drops where pair_set = ? group by unit, reason order by count desc, unit, reason`,
    )
    .all(pairSet);
  return { rows, drops: Object.fromEntries(drops.map(({ unit, reason, count }) => [`${unit}:${reason}`, count])) };
}
