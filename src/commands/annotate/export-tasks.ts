import { createWriteStream } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Context } from "../../context.ts";
import { ConfigError, EXIT, FatalError } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { hintFor, openContext } from "../open-context.ts";
import { listVoteTasks, type ExportTasksOptions } from "../../stages/annotate/export-tasks.ts";
import { TASK_FORMATS } from "../../votes/tasks/registry.ts";
import type { OutgoingTask, TaskFormat } from "../../votes/tasks/task-format.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";
import { readPromptsLimit } from "../update-plan.ts";

/**
 * `annotate export-tasks`: writes the comparisons that still need votes for another annotation tool. `annotate import` reads its answers.
 */
export async function writeTasks(input: InputOf<"annotate">): Promise<CommandResult> {
  const format = readFormat(input.options.format ?? "jsonl");
  await using opened = await openContext(input, { locks: [], planned: true });
  const { context } = opened;
  const { annotate, export: exported } = context.config;
  const { people } = annotate;
  // With fewer than min_votes, linking would make no row of them.
  const overlap = Math.max(people.overlap, annotate.pairs[exported.pairs]?.min_votes ?? 0);
  const task = readTaskKind(input.options.task ?? (people.task === "best-worst" ? "rank" : people.task));
  const out = resolve(input.options.out ?? join(context.config.dir, `tasks.${format.extension}`));
  const base = chooseImageBase(input.options.uriBase, exported.uri_base);
  const counts = { tasks: 0, imagesMax: 0 };
  const tasks = listTasks(context, { task, overlap, base, counts, promptsMax: readPromptsLimit(input) ?? Infinity });
  if (base === null && format.name !== "jsonl" && context.store.uri.startsWith("file:"))
    input.log.warn(
      `No annotation tool opens file: addresses. Serve ${context.store.uri} over HTTP and give its address with --uri-base http://…`,
    );
  await writeTaskFile(out, { format, task, tasks });
  const settings = await writeSettings(out, { format, task, imagesMax: Math.max(2, counts.imagesMax) });
  const beside = settings === null ? "" : `, its settings in ${settings}`;
  const wanted = overlap > 1 ? `. Each needs ${overlap} votes: set the tool to ask ${overlap} people` : "";
  const nothing = `No tasks: every prompt that is ready has ${counted(overlap, "vote")} or fewer than two usable images`;
  input.show(
    { event: "tasks", tasks: counts.tasks, file: out, settings },
    counts.tasks === 0
      ? nothing
      : `${counted(counts.tasks, "task")} in ${out}${beside}${wanted}. Import the answers with ${hintFor(input)("annotate import ANSWERS")}`,
  );
  return { exit: EXIT.done, counts: { ...datasetCounts(context) } };
}

interface Asking extends ExportTasksOptions {
  /** Ends with a slash. */
  readonly base: string | null;
  /** Counted while the tasks are written. */
  readonly counts: { tasks: number; imagesMax: number };
}

function* listTasks(
  context: Pick<Context, "config" | "db" | "judges" | "store">,
  { base, counts, ...asked }: Asking,
): Generator<OutgoingTask> {
  const uriOf = (key: string): string => (base === null ? context.store.uriOf(key) : base + key);
  for (const { images, ...task } of listVoteTasks(context, asked)) {
    counts.tasks++;
    counts.imagesMax = Math.max(counts.imagesMax, images.length);
    yield { ...task, images: images.map(({ imageId, key }) => ({ imageId, uri: uriOf(key) })) };
  }
}

interface Writing {
  readonly format: TaskFormat;
  readonly task: ExportTasksOptions["task"];
  readonly tasks: Iterable<OutgoingTask>;
}

/** Writes the file completely or not at all. @throws {FatalError} if it cannot be written. */
async function writeTaskFile(out: string, { format, task, tasks }: Writing): Promise<void> {
  const temporary = `${out}.${process.pid}.tmp`;
  try {
    await pipeline(Readable.from(formatTasks(format, { task, tasks })), createWriteStream(temporary));
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, { force: true });
    throw cannotWrite(out, error);
  }
}

function* formatTasks(format: TaskFormat, { task, tasks }: Pick<Writing, "task" | "tasks">): Generator<string> {
  const isArray = format.extension === "json";
  let before = isArray ? "[\n" : "";
  for (const one of tasks) {
    yield before + JSON.stringify(format.objectOf(one, { task }));
    before = isArray ? ",\n" : "\n";
  }
  if (isArray) yield before === "[\n" ? "[]\n" : "\n]\n";
  else if (before === "\n") yield "\n";
}

/** Writes the tool's settings beside the tasks: `tasks.config.xml` for `tasks.json`. Returns the file, or null if the format has none. */
async function writeSettings(
  out: string,
  { format, ...options }: { readonly format: TaskFormat; readonly task: ExportTasksOptions["task"]; readonly imagesMax: number },
): Promise<string | null> {
  const settings = format.settings(options);
  if (settings === null) return null;
  const file = `${out.slice(0, out.length - extname(out).length)}.${settings.ending}`;
  await writeFile(file, settings.content).catch((error: unknown) => {
    throw cannotWrite(file, error);
  });
  return file;
}

function cannotWrite(file: string, error: unknown): FatalError {
  return new FatalError(`Cannot write the tasks ${file}: ${fileProblem(error)}`, { cause: error, hint: "choose another file with --out" });
}

function readFormat(name: unknown): TaskFormat {
  const found = TASK_FORMATS.find((format) => format.name === name);
  if (found !== undefined) return found;
  const names = TASK_FORMATS.map((format) => format.name);
  throw new ConfigError(`Cannot write tasks as ${String(name)}: unknown format${didYouMean(String(name), names)}`, {
    hint: `formats: ${names.join(", ")}`,
  });
}

function readTaskKind(name: unknown): ExportTasksOptions["task"] {
  if (name === "pair" || name === "best" || name === "rank") return name;
  throw new ConfigError(`Cannot write tasks of the kind ${String(name)}: unknown kind`, { hint: "kinds: pair, best, rank" });
}

/**
 * Chooses the address to which an image's store key is appended; it ends with a slash. Null means the store's own addresses.
 * @throws {ConfigError} for an address that is signed or has a password: annotators would see it, and it would expire before they finish.
 */
export function chooseImageBase(option: string | undefined, configured: string | null): string | null {
  // A relative uri_base leads from an export's rows to its images. An annotation tool cannot use it.
  const base = option ?? (/^[a-z][a-z0-9+.-]*:/i.test(configured ?? "") ? configured : null);
  if (base === null || base === "") return null;
  const name = option === undefined ? "export.uri_base" : "--uri-base";
  if (/[?#]/.test(base)) {
    throw new ConfigError(`Cannot put images under ${name}: the part after ? or # would come before the images' names`, {
      hint: "give an address without them. Signed links expire, and the tasks would expire with them",
    });
  }
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/]*@/i.test(base)) {
    throw new ConfigError(`Cannot put images under ${name}: it contains a user or password, which every annotator would see`, {
      hint: "give an address that needs none",
    });
  }
  return base.endsWith("/") ? base : `${base}/`;
}
