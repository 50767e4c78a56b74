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
/** Images on one screen. */
const SHOWN_MAX = 4;

export interface GoldNeeds {
  readonly queries: Pick<VoteQueries, "promptKeyOf" | "imageIdsBySha256">;
  readonly criteria: readonly string[];
}

/**
 * Reads known answers: votes as docs/votes.md describes them, on 2 to 4 images, `vote_id` and `annotator` not needed. Each says which
 * image is best; with a ranking, those of its first list.
 * @throws {ConfigError} naming the line, for what is none.
 */
export async function readGold(file: string, needs: GoldNeeds): Promise<readonly GoldComparison[]> {
  const gold: GoldComparison[] = [];
  try {
    // Without an encoding a file's stream yields Buffers.
    for await (const { number, bytes } of byteLines(createReadStream(file) as AsyncIterable<Buffer>, { maxBytes: LINE_MAX_BYTES })) {
      gold.push(parseGold(bytes, { ...needs, file, number }));
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read annotate.people.gold ${file}: ${fileProblem(error)}`, {
      cause: error,
      hint: "docs/annotate.md shows a line of it",
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
    if (vote.kind !== "choice" || best === undefined) throw new VoteError("contradiction", "a known answer says which image is best");
    if (images.length > SHOWN_MAX)
      throw new VoteError("contradiction", `it has ${images.length} images, and a screen shows ${SHOWN_MAX} at most`);
    return { promptKey: vote.promptKey, criterion: vote.criterion, images: JSON.stringify(images), expected: JSON.stringify(best) };
  } catch (error) {
    if (!(error instanceof VoteError)) throw error;
    throw new ConfigError(`Cannot take ${file}:${number} for a known answer: ${error.message}`, {
      cause: error,
      hint: "docs/annotate.md shows a line of it",
    });
  }
}

/** Known answers come from nobody: what a vote needs and they have not is put there. What is no object is told by readVote. */
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
