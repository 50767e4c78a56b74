import { createHash } from "node:crypto";
import { openPromptSource } from "../../prompts/registry.ts";
import { ConfigError } from "../../errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { VoteError, type RawVote, bareName } from "../raw-vote.ts";
import { type PassedOver, type ReadVotesOptions, type VoteFormat, asVotesError, votesError } from "../vote-format.ts";
import type { Outcome } from "./read-answer.ts";

/**
 * The required and optional columns of a row, under Pick-a-Pic's names. `--map ours=theirs` gives others.
 * Source: huggingface.co/datasets/yuvalkirstain/pickapic_v2, dataset card.
 */
const NEEDED = ["image_0_uid", "image_1_uid", "label_0"] as const;
const OPTIONAL = ["label_1", "has_label", "best_image_uid", "ranking_id", "user_id", "created_at", "criterion", "source"] as const;
type Column = (typeof NEEDED)[number] | (typeof OPTIONAL)[number];

/** A CSV, TSV or Parquet of pairs, in the columns of Pick-a-Pic. */
export const pickAPicVotes: VoteFormat = {
  name: "pick-a-pic",
  summary: "pairs in the columns of Pick-a-Pic: .parquet, .csv, .tsv",
  hasColumns: true,
  unitOf: ({ extension }) => (extension === "parquet" ? "row" : "line"),
  recognises: ({ extension }) => ["parquet", "csv", "tsv"].includes(extension),
  async *candidates(file, { keys }, options) {
    const columns = columnsOf(file, { keys, mapped: options.columns });
    try {
      const source = await openPromptSource(file);
      for await (const { position, fields } of source.rows({ columns: [...columns.values()] })) {
        const cell = (column: Column): string | null => {
          const text = fields[columns.get(column) ?? ""];
          return text === undefined || text === "" ? null : text;
        };
        yield { position, record: null, read: () => readRow(cell, options) };
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw asVotesError(error);
    }
  },
};

/** @throws {ConfigError} for a column that is needed, or mapped, and not there. */
function columnsOf(
  file: string,
  { keys, mapped }: { readonly keys: readonly string[]; readonly mapped: Readonly<Record<string, string>> },
): ReadonlyMap<Column, string> {
  const all: readonly string[] = [...NEEDED, ...OPTIONAL];
  const unknown = Object.keys(mapped).find((ours) => !all.includes(ours));
  if (unknown !== undefined)
    throw new ConfigError(`Cannot map ${unknown}: votes have no such column${didYouMean(unknown, all)}`, {
      hint: `columns: ${all.join(", ")}`,
    });
  const found = new Map<Column, string>();
  for (const column of [...NEEDED, ...OPTIONAL]) {
    const theirs = mapped[column] ?? column;
    if (keys.includes(theirs)) found.set(column, theirs);
    else if (column in mapped || (NEEDED as readonly string[]).includes(column)) {
      throw votesError(file, `it has no column ${theirs}${didYouMean(theirs, keys)}`, {
        hint: `name it with --map ${column}=COLUMN; it has ${keys.join(", ")}`,
      });
    }
  }
  return found;
}

type Cell = (column: Column) => string | null;

function readRow(cell: Cell, { source }: ReadVotesOptions): RawVote | PassedOver {
  refuseJudges(cell("source"));
  if (isFalse(cell("has_label")) || cell("label_0") === null) return "no-label";
  const shown = [imageIn(cell, "image_0_uid"), imageIn(cell, "image_1_uid")];
  const outcome = outcomeOf(cell, shown);
  const createdAt = cell("created_at");
  const castAtMs = createdAt === null ? Number.NaN : Date.parse(createdAt);
  const annotator = cell("user_id") ?? "unknown";
  const own = cell("ranking_id") ?? contentHash([...shown, annotator, createdAt, cell("label_0"), cell("criterion")]);
  return {
    voteId: `${source}:${own}`,
    annotator,
    criterion: cell("criterion"),
    promptKey: null,
    shown,
    ...outcome,
    flags: {},
    durationMs: null,
    castAtMs: Number.isNaN(castAtMs) ? null : castAtMs,
  };
}

/** Our own exports have Pick-a-Pic's columns, and rows that nobody voted on: imported, a judge would count for a person. */
function refuseJudges(source: string | null): void {
  if (source !== "combined" && source?.startsWith("judge:") !== true) return;
  throw new VoteError("no-person", `source is ${source}: a judge decided this row of an export, nobody voted on it`);
}

function imageIn(cell: Cell, column: Column): string {
  const name = cell(column);
  if (name === null) throw new VoteError("bad-shape", `${column} is empty`);
  return bareName(name);
}

/** label_0 is 1 where the first image is the better one, 0 the second, 0.5 neither. @throws {VoteError} where columns disagree. */
function outcomeOf(cell: Cell, shown: readonly string[]): Outcome {
  const label = labelIn(cell("label_0"));
  const other = cell("label_1");
  if (![0, 0.5, 1].includes(label)) throw new VoteError("bad-shape", `label_0 is ${cell("label_0")}, expected 1, 0 or 0.5`);
  if (other !== null && labelIn(other) !== 1 - label) throw new VoteError("contradiction", `label_0 is ${label} and label_1 is ${other}`);
  const ranking: Outcome["ranking"] = label === 0.5 ? [shown] : [[shown[1 - label] ?? ""]];
  const best = cell("best_image_uid");
  const isTold = best === null || (label === 0.5 ? !shown.includes(bareName(best)) : bareName(best) === ranking[0]?.[0]);
  if (!isTold) throw new VoteError("contradiction", `label_0 is ${label} and best_image_uid is ${best}`);
  return { kind: label === 0.5 ? "tie" : "choice", ranking };
}

/** A table of one's own may say true and false. */
function labelIn(text: string | null): number {
  const word = text?.trim().toLowerCase() ?? "";
  if (word === "true" || word === "false") return Number(word === "true");
  return word === "" ? Number.NaN : Number(word);
}

function isFalse(text: string | null): boolean {
  return text !== null && ["false", "0", "0.0"].includes(text.toLowerCase());
}

/** Makes the id of a row that has none: the same row is the same vote. */
function contentHash(parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
