import { loadConfig } from "../../config/load-config.ts";
import type { Context } from "../../context.ts";
import { expectDatabase, openDatabase, openReadonly, type Db } from "../../db/open.ts";
import {
  excludedImages,
  unknownName,
  type ChosenCounts,
  type ExcludedImages,
  type ImageFilter,
} from "../../db/queries/images/excluded-images.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import { excludeImages, remakeImages, restoreImages } from "../../stages/upkeep/exclude.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";
import { readOptions, type Wanted } from "./read-options.ts";

const ACTIONS = ["list", "undo"];

/** Takes images out of all later links and exports, and back. Without --yes it only says what it would do. */
export async function run(input: InputOf<"exclude">): Promise<CommandResult> {
  const [action] = input.args;
  if (action !== undefined && !ACTIONS.includes(action)) {
    throw new ConfigError(`Cannot exclude ${action}: no such action${didYouMean(action, ACTIONS)}`, {
      hint: `exclude --image ${action}, exclude list, or exclude undo`,
    });
  }
  if (action === "list") return reading(input, (context) => list(context, input));
  const wanted = readOptions(input);
  if (!wanted.yes) return reading(input, (context) => foresee(context, { input, wanted }));
  const config = loadConfig(input.options.config, { env: input.env });
  expectDatabase(databaseFile(config), hintFor(input));
  // No stage's lock: each change is one short transaction, and what a stage had in its hands is written only where the row still waits for
  // it.
  const db = openDatabase(databaseFile(config), input);
  try {
    return await (wanted.redo ? remake : change)({ config, db }, { input, wanted });
  } finally {
    db.close();
  }
}

type Opened = Pick<Context, "config" | "db">;

interface Excluding {
  readonly input: InputOf<"exclude">;
  readonly wanted: Wanted;
}

async function reading(
  input: InputOf<"exclude">,
  read: (opened: Opened) => CommandResult | Promise<CommandResult>,
): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const db = openReadonly(databaseFile(config), hintFor(input));
  try {
    return await read({ config, db });
  } finally {
    db.close();
  }
}

function list({ config, db }: Opened, input: InputOf<"exclude">): CommandResult {
  const reasons = excludedImages(db).list();
  const lines = reasons.map(
    ({ reason, images, gone, replaced }) =>
      `${counted(images, "image")}: ${reason}${gone > 0 ? ` (${gone} no longer in the store)` : ""}${replaced > 0 ? ` (${replaced} made again)` : ""}`,
  );
  input.show({ event: "exclusions", reasons }, lines.length > 0 ? lines.join("\n") : "No image is excluded");
  return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }) } };
}

async function foresee(opened: Opened, { input, wanted }: Excluding): Promise<CommandResult> {
  const images = choose(opened, wanted);
  const counts = images.counts();
  const remakeable = wanted.redo ? images.remake.count() : 0;
  const replaced = wanted.action === "undo" ? replacedText(images.countReplaced(wanted.filter)) : "";
  const next = counts.images > 0 ? `. Nothing was changed: ${hintFor(input)(wanted.words)} ${DOES[wanted.action]}` : "";
  const again = wanted.redo ? `; ${remakeText(counts, remakeable)}` : "";
  input.show({ event: "excludable", action: wanted.action, ...counts, remakeable }, `${chosenText(counts)}${replaced}${again}${next}`);
  return { exit: EXIT.done, counts: { ...datasetCounts(opened), chosen: counts.images } };
}

const DOES: Readonly<Record<Wanted["action"], string>> = {
  exclude: "takes them out of all later links and exports",
  undo: "brings them back",
};

async function change(opened: Opened, { input, wanted }: Excluding): Promise<CommandResult> {
  const images = choose(opened, wanted);
  const counts = images.counts();
  const { stopping } = input;
  const isUndo = wanted.action === "undo";
  const changed = isUndo ? await restoreImages({ images, stopping }) : await excludeImages({ images, stopping }, wanted.reason);
  const left = counts.images - changed;
  const rest = stopping.aborted ? ". Stopped. Run the same command again to continue" : isUndo && left > 0 ? `; ${lostText(left)}` : "";
  const replaced = isUndo ? replacedText(images.countReplaced(wanted.filter)) : "";
  const text = isUndo
    ? `Brought back: ${counted(changed, "image")}${replaced}`
    : `Excluded: ${counted(changed, "image")} of ${counted(counts.prompts, "prompt")}`;
  input.show({ event: isUndo ? "restored" : "excluded", images: changed, remade: 0 }, `${text}${rest}${followText(input, changed)}`);
  return { exit: EXIT.done, counts: { ...datasetCounts(opened), changed } };
}

async function remake(opened: Opened, { input, wanted }: Excluding): Promise<CommandResult> {
  const images = choose(opened, wanted);
  const { stopping } = input;
  const counts = images.counts();
  const changed = await excludeImages({ images, stopping }, wanted.reason);
  const remade = await remakeImages({ images, stopping }, wanted.reason);
  const stopped = stopping.aborted ? ". Stopped. Run the same command again to continue" : "";
  const next = remade > 0 ? `. Next: ${hintFor(input)("run")}` : "";
  input.show(
    { event: "excluded", images: changed, remade },
    `Excluded: ${counted(counts.images, "image")} of ${counted(counts.prompts, "prompt")}; ${remakeText(counts, remade)}${stopped}${next}`,
  );
  return { exit: EXIT.done, counts: { ...datasetCounts(opened), changed, remade } };
}

/** Fills the temporary table of chosen images. @throws {ConfigError} for a name that nothing has. */
function choose({ db }: Opened, { filter, redo, action }: Wanted): ExcludedImages {
  refuseUnknown(db, filter);
  const images = excludedImages(db);
  images.choose(filter, redo ? "both" : action === "undo" ? "excluded" : "excludable");
  return images;
}

function refuseUnknown(db: Db, filter: ImageFilter): void {
  const unknown = unknownName(db, filter);
  if (unknown === null) return;
  const { what, name, known } = unknown;
  const near = didYouMean(name, known) || (known.length > 0 ? `; there is ${known.join(", ")}` : "");
  throw new ConfigError(`Cannot exclude by --${what} ${name}: this dataset has no such ${what}${near}`, { hint: HINTS[what] });
}

const HINTS = {
  image: "image_ids (i_…) are in the rows, in images.csv and in the view image_index",
  prompt: "a prompt_key (p_…), the prompt's own id, or its text, as the rows and the view image_index have them",
  variant: "a name of candidates.variants, or one of those that it expands to",
  server: "its URL, as the configuration has or had it",
} as const;

function chosenText({ images, prompts, stored, listed, excluded, rows }: ChosenCounts): string {
  const parts = [
    ...(stored > 0 ? [`${stored} stored`] : []),
    ...(listed > 0 ? [`${listed} not fetched yet`] : []),
    ...(excluded > 0 ? [`${excluded} excluded before`] : []),
  ];
  const what = parts.length > 0 ? ` (${parts.join(", ")})` : "";
  return `${counted(images, "image")} of ${counted(prompts, "prompt")}${what}, shown by ${counted(rows, "linked row")}`;
}

function remakeText({ images }: ChosenCounts, remakeable: number): string {
  const kept = images - remakeable;
  const why = "they were adopted, or the configuration no longer asks for them";
  return `${remakeable} to be made again${kept > 0 ? `, ${kept} only excluded (${why})` : ""}`;
}

const lostText = (count: number): string =>
  `${count} cannot come back, because the store no longer has them or their job has run again: --redo makes them again`;

const replacedText = (count: number): string => (count > 0 ? `; ${count} stay out, because --redo has them made again` : "");

/** Links follow only once they are made again; what is exported stays. */
function followText(input: InputOf<"exclude">, changed: number): string {
  return changed > 0 ? `. Next: ${hintFor(input)("export")} (links follow; exported versions stay as they are)` : "";
}
