import Database from "better-sqlite3";

export interface ListedImage {
  readonly uri: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Line in `images.csv`. */
  readonly line: number;
}

export type ExportIndex = ReturnType<typeof openExportIndex>;

/**
 * Creates an index of what has been read of a published version, in a temporary file that SQLite removes: memory does not grow with the
 * dataset.
 */
export function openExportIndex() {
  const client = new Database("");
  // Nothing here outlives the process.
  client.pragma("journal_mode = OFF");
  client.pragma("synchronous = OFF");
  client.exec(`
    create table images (uri text primary key, sha256 text not null, bytes integer not null, line integer not null, first_split integer, last_split integer,
      is_reference integer not null default 0)
      without rowid;
    create table prompt_groups (group_key text primary key, split integer not null) without rowid;
    create table prompts (prompt_key text primary key) without rowid;
    begin`);
  const addImage = client.prepare(`insert into images (uri, sha256, bytes, line) values (?, ?, ?, ?) on conflict do nothing`);
  const findImage = client.prepare<[string], { sha256: string; isSeen: 0 | 1 }>(
    `select sha256, first_split is not null as isSeen from images where uri = ?`,
  );
  const markSeen = client.prepare(`
    update images set first_split = min(coalesce(first_split, @split), @split), last_split = max(coalesce(last_split, @split), @split) where uri = @uri`);
  const markReference = client.prepare<[string], string>(`update images set is_reference = 1 where uri = ? returning sha256`).pluck();
  const addGroup = client
    .prepare<[string, number], number>(
      `insert into prompt_groups (group_key, split) values (?, ?) on conflict do update set split = split returning split`,
    )
    .pluck();
  const addPrompt = client.prepare<[string]>(`insert into prompts (prompt_key) values (?) on conflict do nothing`);

  return {
    /** Adds an image of images.csv; false where its URI was listed before. */
    addListed: ({ uri, sha256, bytes, line }: ListedImage): boolean => addImage.run(uri, sha256, bytes, line).changes === 1,
    /** Marks an image that a row of a split shows. Returns its listed SHA-256, undefined where it is not listed. */
    show(uri: string, split: number): string | undefined {
      const found = findImage.get(uri);
      if (found !== undefined) markSeen.run({ uri, split });
      return found?.sha256;
    },
    /** Marks an image that a row's prompt comes with, in whichever split. Returns its listed SHA-256, undefined where it is not listed. */
    showReference: (uri: string): string | undefined => markReference.get(uri),
    /** Adds the group of a prompt. Returns the split in which it was seen first. */
    addGroup: (groupKey: string, split: number): number => addGroup.get(groupKey, split) ?? split,
    addPrompt: (promptKey: string): void => void addPrompt.run(promptKey),
    countPrompts: (): number => client.prepare<[], number>(`select count(*) from prompts`).pluck().get() ?? 0,
    /** Reads listed images that no row shows. */
    unshown: (): IterableIterator<ListedImage> =>
      client
        .prepare<[], ListedImage>(
          `select uri, sha256, bytes, line from images where first_split is null and is_reference = 0 order by line`,
        )
        .iterate(),
    /** Reads files that rows of two splits show. */
    shared: (): IterableIterator<{ readonly sha256: string; readonly line: number }> =>
      client
        .prepare<[], { sha256: string; line: number }>(
          `select sha256, min(line) as line from images where first_split is not null
          group by sha256 having min(first_split) <> max(last_split) order by line`,
        )
        .iterate(),
    close: (): void => void client.close(),
  };
}
