import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../../../src/errors.ts";
import { readGold } from "../../../../src/page/server/tasks/read-gold.ts";
import { imageId } from "../../../helpers/annotated-dataset.ts";

let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "comfy-dpo-gold-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [a, b, c] = [imageId("a"), imageId("b"), imageId("c")];
const queries = { promptKeyOf: (id: string) => (id === imageId("z") ? "p_2" : "p_1"), imageIdsBySha256: () => [] };

function read(...lines: readonly string[]) {
  const file = join(folder, "gold.jsonl");
  writeFileSync(file, lines.join("\n"));
  return readGold(file, { queries, criteria: ["overall", "text"] });
}

describe("readGold()", () => {
  it("reads votes without ids, by index, by name and by ranking", async () => {
    const gold = await read(
      JSON.stringify({ images: [b, a], choice: 0 }),
      JSON.stringify({ images: [a, b, c], ranking: [[c, a], [b]], criterion: "text" }),
      JSON.stringify({ vote_id: "v", annotator: "me", images: [a, b], choice: a }),
    );
    expect(gold).toEqual([
      { promptKey: "p_1", criterion: "overall", images: JSON.stringify([a, b]), expected: JSON.stringify([b]) },
      { promptKey: "p_1", criterion: "text", images: JSON.stringify([a, b, c]), expected: JSON.stringify([c, a]) },
      { promptKey: "p_1", criterion: "overall", images: JSON.stringify([a, b]), expected: JSON.stringify([a]) },
    ]);
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[1]"],
    ["a tie", JSON.stringify({ images: [a, b], choice: "tie" })],
    ["a skip", JSON.stringify({ images: [a, b], choice: "skip" })],
    ["five images", JSON.stringify({ images: [a, b, c, imageId("d"), imageId("e")], choice: 0 })],
    ["images of two prompts", JSON.stringify({ images: [a, imageId("z")], choice: 0 })],
    ["an unknown key", JSON.stringify({ images: [a, b], chioce: 0 })],
  ])("refuses %s, with its line", async (_what, line) => {
    const reading = read(JSON.stringify({ images: [a, b], choice: 0 }), "", line);
    await expect(reading).rejects.toThrow(ConfigError);
    await expect(reading).rejects.toThrow("gold.jsonl:3");
  });

  it("reports a missing file", async () => {
    await expect(readGold(join(folder, "none.jsonl"), { queries, criteria: ["overall"] })).rejects.toThrow("there is no such file");
  });
});
