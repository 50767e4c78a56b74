import type { Config } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { promptKeyOf } from "../identity.ts";
import { canonicalJson, type Json, type JsonObject } from "../lib/exact-json.ts";
import { oneLine } from "../lib/terminal/printable.ts";
import { expectColumns } from "./expect-columns.ts";
import { type PromptSource, type RawPrompt, promptsError } from "./prompt-source.ts";
import type { ReferenceFiles } from "./reference-files.ts";
import { openPromptSource } from "./registry.ts";
import { counted } from "../lib/words.ts";

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Matches the syntax that dynamic prompt extensions expand: `{a|b}` and `__wildcard__`. Linear: each part excludes what ends it. */
const DYNAMIC = /\{[^{}|]*\|[^{}]*\}|__[A-Za-z0-9][A-Za-z0-9_./*-]*?__/;

/** A prompt as the plan takes it. All text is well-formed Unicode. */
export interface PromptRow {
  /** `p_…`; rows of one key are one prompt, the first wins. */
  readonly promptKey: string;
  /** The text trained on. */
  readonly prompt: string;
  /** The text sent to the model. */
  readonly sent: string;
  /** "" where there is none. */
  readonly negative: string;
  /** Bound name → value of this prompt; without those that the row leaves empty, and without files. */
  readonly bound: JsonObject;
  /** SHA-256 of reference files by bound name; without those that the row leaves empty. */
  readonly references: Readonly<Record<string, string>>;
  readonly sourceId: string | null;
  /** Kept columns, canonical JSON. */
  readonly meta: string;
  /** 1-based line, item or row of the file. */
  readonly position: number;
}

/** The counts up to now. They are complete once the rows are read to their end. */
export interface PromptCounts {
  /** Prompts given, duplicates included. */
  readonly prompts: number;
  /** Rows without a prompt: skipped. */
  readonly empty: number;
  /** Prompts in which a lone surrogate became U+FFFD. */
  readonly replacedSurrogates: number;
}

export interface Prompts {
  rows(): AsyncIterable<PromptRow>;
  readonly counts: PromptCounts;
}

export interface ReadPromptsOptions {
  /** Gets a sentence for each thing worth a look, once, at the end. */
  readonly warn: (message: string) => void;
  /** Finds the files that columns name. */
  readonly references?: ReferenceFiles;
  /** Finds more that is worth a look in a prompt; what it says is counted, and told with the place of the first. */
  readonly notesOf?: (row: PromptRow) => readonly string[];
}

type PromptSettings = Config["prompts"];
type References = PromptRow["references"];

/** Most characters that a message shows of a value that is no text. */
const NESTED_CHARS = 80;

const NO_REFERENCES: References = {};

/**
 * Reads the prompts that the configuration names, streamed.
 * @throws {ConfigError} for a file that cannot be read, a column that is not there, an image that cannot be used, and a file without any
 * prompt.
 */
export function readPrompts(settings: PromptSettings, { warn, references, notesOf = () => [] }: ReadPromptsOptions): Prompts {
  const counts = { prompts: 0, empty: 0, replacedSurrogates: 0 };
  async function* rows(): AsyncGenerator<PromptRow, void, undefined> {
    Object.assign(counts, { prompts: 0, empty: 0, replacedSurrogates: 0 });
    const source = await openPromptSource(settings.file);
    const columns = expectColumns(settings, source);
    const notes = openNotes(source.unit);
    const limit = settings.limit ?? Infinity;
    const makeRow = createRowMaker(settings, references?.names ?? []);
    const findReferences = referenceFinder(settings, { unit: source.unit, references, notes });
    for await (const raw of source.rows({ columns: columns.wanted })) {
      columns.see(raw);
      // Past the limit, only for columns that no row has had: the first few may lack a key that others have, or it may be misspelt.
      if (counts.prompts >= limit) {
        if (columns.allSeen()) break;
        continue;
      }
      refuseNested(raw, { settings, unit: source.unit });
      if ((raw.fields[settings.prompt] ?? "").trim() === "") {
        counts.empty++;
        notes.add("row", "without a prompt: skipped", raw);
        continue;
      }
      const { row, replaced } = makeRow(raw, findReferences === null ? NO_REFERENCES : await findReferences(raw));
      if (replaced) {
        counts.replacedSurrogates++;
        notes.add("prompt", "with half of a surrogate pair: replaced by U+FFFD", raw);
      }
      if (settings.send !== undefined && (raw.fields[settings.send] ?? "").trim() === "")
        notes.add("prompt", `with the column "${settings.send}" empty: sent as it stands`, raw);
      if (DYNAMIC.test(row.sent)) notes.add("prompt", "with {a|b} or __wildcards__: sent as written", raw);
      for (const note of notesOf(row)) notes.add("prompt", note, raw);
      counts.prompts++;
      yield row;
      if (counts.prompts >= limit && columns.allSeen()) break;
    }
    columns.refuseUnseen();
    if (counts.prompts === 0) throw noPrompts(settings, counts.empty);
    notes.tell((note) => warn(`${settings.file}: ${note}`));
  }
  return { rows, counts };
}

interface NestedPlace {
  readonly settings: PromptSettings;
  readonly unit: PromptSource["unit"];
}

/** A list or an object has no text that a model could draw or be trained on; as metadata it may be kept. */
function refuseNested({ nested = [], position, fields }: RawPrompt, { settings, unit }: NestedPlace): void {
  if (nested.length === 0) return;
  const { file, prompt, send, negative, id, columns } = settings;
  const used = [prompt, send, negative, id, ...Object.values(columns)];
  const column = used.find((each) => each !== undefined && nested.includes(each));
  if (column === undefined) return;
  const text = fields[column] ?? "";
  const kind = text.startsWith("[") ? "a list" : "an object";
  const isChat = /^\[\{.*"content":/s.test(text);
  throw promptsError(file, `"${column}" is ${kind} and no text at ${unit} ${position}: ${oneLine(text, NESTED_CHARS)}`, {
    hint: isChat
      ? `it is a chat: write the words of its message into the file, such as jq -c '.["${column}"] |= .[0].content' OLD.jsonl > NEW.jsonl`
      : `name a column that holds text, or write the text out; prompts.keep takes lists and objects`,
  });
}

interface ReferenceNeeds {
  readonly unit: PromptSource["unit"];
  readonly references: ReferenceFiles | undefined;
  readonly notes: ReturnType<typeof openNotes>;
}

/** Null if no column names files, so that a million rows do not wait a million times for nothing. */
function referenceFinder({ file, columns }: PromptSettings, { unit, references, notes }: ReferenceNeeds) {
  const wanted = Object.entries(columns).filter(([name]) => references?.names.includes(name) === true);
  if (references === undefined || wanted.length === 0) return null;
  return async (raw: RawPrompt): Promise<References> => {
    const found: [string, string][] = [];
    for (const [name, column] of wanted) {
      const cell = raw.fields[column] ?? "";
      if (cell.trim() === "") notes.add("prompt", `without a file in column "${column}": the workflow's own value stays there`, raw);
      else {
        const place = { promptsFile: file, at: `${unit} ${raw.position}`, column };
        found.push([name, (await references.find(name, cell, place)).sha256]);
      }
    }
    return Object.fromEntries(found);
  };
}

interface MadeRow {
  readonly row: PromptRow;
  /** True if a lone surrogate was replaced in it. */
  readonly replaced: boolean;
}

function createRowMaker(settings: PromptSettings, files: readonly string[]): (raw: RawPrompt, references: References) => MadeRow {
  const { template } = settings;
  // A file counts by its content: the same image under another name is the same prompt.
  const boundColumns = Object.entries(settings.columns).filter(([name]) => !files.includes(name));
  return ({ position, fields }, references) => {
    let replaced = false;
    const textOf = (column: string | undefined): string => {
      const text = column === undefined ? "" : (fields[column] ?? "");
      if (text.isWellFormed()) return text;
      replaced = true;
      return text.toWellFormed();
    };
    const prompt = textOf(settings.prompt);
    const negative = textOf(settings.negative);
    const sendText = textOf(settings.send);
    const toSend = sendText.trim() === "" ? prompt : sendText;
    const bound: [string, Json][] = [];
    for (const [name, column] of boundColumns) {
      const text = textOf(column);
      if (text.trim() !== "") bound.push([name, boundValue(text)]);
    }
    const kept = settings.keep.flatMap((column): [string, string][] => (fields[column] === undefined ? [] : [[column, textOf(column)]]));
    const identity = { text: prompt, negative, references, bound: Object.fromEntries(bound) };
    const row = {
      promptKey: promptKeyOf(identity),
      prompt,
      // A function, since in a replacement text $& and the like have a meaning.
      sent: template === "{prompt}" ? toSend : template.replaceAll("{prompt}", () => toSend),
      negative,
      bound: identity.bound,
      references: identity.references,
      sourceId: textOf(settings.id) || null,
      meta: kept.length === 0 ? "{}" : canonicalJson(Object.fromEntries(kept)),
      position,
    };
    return { row, replaced };
  };
}

/** Tables know only text: what is a number in JSON is one here, exactly, if a double or an integer can hold it. */
function boundValue(text: string): Json {
  if (!JSON_NUMBER.test(text)) return text;
  const number = Number(text);
  if (!Number.isFinite(number)) return text;
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
}

function noPrompts({ file, prompt }: PromptSettings, empty: number): ConfigError {
  const why =
    empty === 0
      ? "it holds no prompt"
      : `it holds no prompt: "${prompt}" is empty in ${empty === 1 ? "its only row" : `all of its ${empty} rows`}`;
  return new ConfigError(`Cannot use the prompts ${file}: ${why}`, { hint: "check prompts.file and prompts.prompt" });
}

/** Counts by kind, with the place of the first. */
function openNotes(unit: PromptSource["unit"]) {
  const notes = new Map<string, { readonly noun: string; count: number; readonly first: number }>();
  return {
    /** `noun` is counted, `what` follows it. */
    add(noun: "row" | "prompt", what: string, { position }: RawPrompt): void {
      const note = notes.get(what);
      if (note === undefined) notes.set(what, { noun, count: 1, first: position });
      else note.count++;
    },
    tell(say: (note: string) => void): void {
      for (const [what, { noun, count, first }] of notes) say(`${counted(count, noun)} ${what} (the first: ${unit} ${first})`);
    },
  };
}
