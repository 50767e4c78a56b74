import { createReadStream } from "node:fs";
import type { GoldComparison } from "../../../db/queries/page/comparisons.ts";
import type { VoteQueries } from "../../../db/queries/annotate/votes.ts";
import { ConfigError } from "../../../errors.ts";
import { byteLines } from "../../../lib/streams.ts";
import { isJsonObject, parseExact, stringifyExact, type Json } from "../../../lib/exact-json.ts";
import { fileProblem } from "../../../lib/files/file-problem.ts";
import { resolveVote } from "../../../votes/resolve-vote.ts";
import { VoteError } from "../../../votes/raw-vote.ts";
import { readVote } from "../../../votes/formats/jsonl.ts";

const LINE_MAX_BYTES = 100_000;
/** Most images that a screen shows. */
const SHOWN_MAX = 4;

export interface GoldNeeds {
  readonly queries: Pick<VoteQueries, "promptKeyOf" | "imageIdsBySha256">;
  readonly criteria: readonly string[];
}

/**
 * Reads known answers: votes as docs/votes.md describes them, on 2 to 4 images, without the need for `vote_id` and `annotator`. Each says
 * which image is best; with a ranking, those of its first list.
 * @throws {ConfigError} for a line that is not a known answer; it names the line.
 */
export async function readGold(file: string, needs: GoldNeeds): Promise<readonly GoldComparison[]> {
  const gold: GoldComparison[] = [];
  try {
    // Without an encoding, a file's stream yields Buffers.
    for await (const { number, bytes } of byteLines(createReadStream(file) as AsyncIterable<Buffer>, { maxBytes: LINE_MAX_BYTES })) {
      gold.push(parseGold(bytes, { ...needs, file, number }));
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read annotate.people.gold ${file}: ${fileProblem(error)}`, {
      cause: error,
      hint: "docs/annotate.md shows an example",
    });
  }
  return gold;
}

interface GoldLine extends GoldNeeds {
  readonly file: string;
  readonly number: number;
}

function parseGold(bytes: Uint8Array, { queries, criteria, file, number }: GoldLine): GoldComparison {
  try {
    const vote = resolveVote(readVote(withIds(bytes, number)), { queries, criteria, source: "gold" });
    const images = (JSON.parse(vote.shown) as string[]).toSorted(); // resolveVote wrote both.
    const [best] = JSON.parse(vote.ranking) as string[][];
    if (vote.kind !== "choice" || best === undefined) throw new VoteError("contradiction", "a known answer must say which image is best");
    if (images.length > SHOWN_MAX)
      throw new VoteError("contradiction", `it has ${images.length} images; a screen shows at most ${SHOWN_MAX}`);
    return { promptKey: vote.promptKey, criterion: vote.criterion, images: JSON.stringify(images), expected: JSON.stringify(best) };
  } catch (error) {
    if (!(error instanceof VoteError)) throw error;
    throw new ConfigError(`Cannot read the known answer at ${file}:${number}: ${error.message}`, {
      cause: error,
      hint: "docs/annotate.md shows an example",
    });
  }
}

/**
 * Adds the vote_id and annotator that a vote needs and a known answer has not. A line that is not an object stays as it is: readVote says
 * what is wrong.
 */
function withIds(bytes: Uint8Array, number: number): Uint8Array {
  let line: Json;
  try {
    line = parseExact(Buffer.from(bytes).toString("utf8"));
  } catch {
    return bytes;
  }
  if (!isJsonObject(line)) return bytes;
  return Buffer.from(stringifyExact({ vote_id: `gold-${number}`, annotator: "gold", ...line }));
}
