import type { Db } from "../../open.ts";

/** A person who may use the annotation page, or could before. */
export interface AnnotatorRow {
  readonly annotatorId: number;
  readonly name: string;
  readonly role: "annotator" | "lead";
  /** Null: the person has no link. */
  readonly tokenSha256: string | null;
  readonly createdAtMs: number;
  readonly seenAtMs: number | null;
  readonly excludedAtMs: number | null;
  readonly forgottenAtMs: number | null;
}

const COLUMNS = `annotator_id as annotatorId, name, role, token_sha256 as tokenSha256, created_at_ms as createdAtMs, seen_at_ms as seenAtMs,
  excluded_at_ms as excludedAtMs, forgotten_at_ms as forgottenAtMs`;

export type AnnotatorQueries = ReturnType<typeof annotatorQueries>;

/** Prepares the statements on people. */
export function annotatorQueries({ client }: Pick<Db, "client">) {
  const byToken = client.prepare<[string], AnnotatorRow>(`select ${COLUMNS} from annotators where token_sha256 = ?`);
  const byName = client.prepare<[string], AnnotatorRow>(`select ${COLUMNS} from annotators where name = ?`);
  const all = client.prepare<[], AnnotatorRow>(`select ${COLUMNS} from annotators order by role desc, name`);
  const hasVoted = client.prepare<[string]>(`select 1 from votes where annotator = ? limit 1`);
  const give = client.prepare<[{ name: string; role: string; tokenSha256: string | null; nowMs: number }]>(`
    insert into annotators (name, role, token_sha256, created_at_ms) values (@name, @role, @tokenSha256, @nowMs)
    on conflict (name) do update set token_sha256 = excluded.token_sha256, role = excluded.role
      where token_sha256 is not excluded.token_sha256 or role <> excluded.role`);
  const revoke = client.prepare<[number]>(`update annotators set token_sha256 = null where annotator_id = ?`);
  const seen = client.prepare<[number, number]>(`update annotators set seen_at_ms = ? where annotator_id = ?`);
  const exclude = client.prepare<[number | null, string]>(`update annotators set excluded_at_ms = ? where name = ?`);
  // Counts their prompts again: comparisons may lack votes now, or have enough again.
  const recount = client.prepare<[string]>(`
    update page_prompts set rules = '' where prompt_key in (select prompt_key from votes where annotator = ?)`);
  const renameVotes = client.prepare<[string, string]>(`update votes set annotator = ? where annotator = ?`);
  const forget = client.prepare<[string, number, string]>(`
    update annotators set name = ?, token_sha256 = null, forgotten_at_ms = ? where name = ?`);

  return {
    findByToken: (tokenSha256: string): AnnotatorRow | null => byToken.get(tokenSha256) ?? null,
    findByName: (name: string): AnnotatorRow | null => byName.get(name) ?? null,
    /** Returns everybody: the lead first, then by name. */
    all: (): readonly AnnotatorRow[] => all.all(),
    /** Returns true if somebody voted under this name, on the page or elsewhere. */
    hasVoted: (name: string): boolean => hasVoted.get(name) !== undefined,
    /** Adds a person, or replaces their token. The token before it stops working. */
    setToken: (name: string, person: { role: "annotator" | "lead"; tokenSha256: string; nowMs: number }): void =>
      void give.run({ name, ...person }),
    revoke: (annotatorId: number): void => void revoke.run(annotatorId),
    markSeen: (annotatorId: number, nowMs: number): void => void seen.run(nowMs, annotatorId),
    /** Excludes a person's votes, or counts them again. Works for people who voted only elsewhere, too. */
    setExcluded: client.transaction((name: string, { excluded, nowMs }: { readonly excluded: boolean; readonly nowMs: number }): void => {
      if (byName.get(name) === undefined) give.run({ name, role: "annotator", tokenSha256: null, nowMs });
      exclude.run(excluded ? nowMs : null, name);
      recount.run(name);
    }).immediate,
    /** Replaces a name by a pseudonym everywhere. */
    forget: client.transaction((name: string, { pseudonym, nowMs }: { readonly pseudonym: string; readonly nowMs: number }): void => {
      if (byName.get(name) === undefined) give.run({ name, role: "annotator", tokenSha256: null, nowMs });
      renameVotes.run(pseudonym, name);
      forget.run(pseudonym, nowMs, name);
    }).immediate,
  };
}
