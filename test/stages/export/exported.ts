import { rowIdOf } from "../../../src/identity.ts";
import type { Fixture } from "./fixture-database.ts";

/** An image as a user reads it. */
export interface ReadImage {
  readonly uri: string;
  /** Text with seed_format: string. */
  readonly seed: number | string;
  readonly image_id: string;
  readonly sha256: string;
  readonly score?: number | null;
  readonly params: string;
  readonly scores: string;
}

/** A row as a user reads it. */
export interface ReadRow {
  readonly id: string;
  readonly prompt: string;
  readonly chosen: ReadImage;
  readonly rejected: readonly ReadImage[];
  readonly margin?: number | null;
  readonly agreement?: number | null;
  readonly meta: string;
}

export interface Exported {
  /** In the version, sorted. */
  readonly paths: readonly string[];
  /** Lines of all data files of a split, in the order of their names. */
  readonly lines: (split?: string) => readonly string[];
  readonly rows: (split?: string) => readonly ReadRow[];
  readonly text: (path: string) => string;
  readonly json: (path: string) => unknown;
  readonly bytes: ReadonlyMap<string, Buffer>;
}

/** One version of a fixture's export, read as a user would. */
export async function readVersion(fixture: Pick<Fixture, "files">, version = "v1"): Promise<Exported> {
  const files = [...(await fixture.files())].filter(([path]) => path.startsWith(`${version}/`));
  const bytes = new Map(files.map(([path, content]) => [path.slice(version.length + 1), content]));
  const paths = [...bytes.keys()].toSorted();
  const text = (path: string): string => {
    const found = bytes.get(path);
    if (found === undefined) throw new Error(`${version} has no ${path}, but ${paths.join(", ")}`);
    return String(found);
  };
  const lines = (split = "train"): readonly string[] =>
    paths.filter((path) => path.startsWith(`data/${split}-`)).flatMap((path) => text(path).split("\n").slice(0, -1));
  return {
    paths,
    bytes,
    lines,
    text,
    rows: (split) => lines(split).map((line) => JSON.parse(line) as ReadRow),
    json: (path) => JSON.parse(text(path)),
  };
}

/** The id that a row must have. */
export function ownId(row: ReadRow & { readonly prompt_key?: string; readonly criterion?: string }): string {
  return rowIdOf(
    row.prompt_key ?? "",
    row.criterion ?? "",
    row.chosen.image_id,
    row.rejected.map((image) => image.image_id),
  );
}
