import { ConfigError } from "../../errors.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { type FileHead, type VoteFormat, votesError } from "../vote-format.ts";
import { argillaVotes } from "./argilla.ts";
import { jsonlVotes } from "./jsonl.ts";
import { labelStudioVotes } from "./label-studio.ts";
import { pickAPicVotes } from "./pick-a-pic.ts";

/** Formats of votes. A new one is a file beside this and a line here. */
export const VOTE_FORMATS: readonly VoteFormat[] = [jsonlVotes, labelStudioVotes, argillaVotes, pickAPicVotes];

/** The format of that name, or the one that the file's beginning tells. @throws {ConfigError} where none does. */
export function voteFormatOf(file: string, { name, head }: { readonly name: string | null; readonly head: FileHead }): VoteFormat {
  const names = VOTE_FORMATS.map((format) => format.name);
  if (name !== null) {
    const named = VOTE_FORMATS.find((format) => format.name === name);
    if (named === undefined)
      throw new ConfigError(`Cannot import votes as ${name}: no such format${didYouMean(name, names)}`, {
        hint: `formats: ${names.join(", ")}`,
      });
    return named;
  }
  if (head.isEmpty) return labelStudioVotes; // Whose it is cannot be told, and does not matter.
  const [found, other] = VOTE_FORMATS.filter((format) => format.recognises(head));
  if (found !== undefined && other !== undefined)
    throw votesError(file, `it may be ${found.name} or ${other.name}`, { hint: `name its format: --format ${names.join("|")}` });
  if (found !== undefined) return found;
  throw votesError(
    file,
    head.keys.length === 0
      ? "it is none of the formats known"
      : `its first entry, with the keys ${head.keys.slice(0, 8).join(", ")}, is of no format known`,
    {
      hint: `name its format: --format ${names.join("|")}`,
    },
  );
}
