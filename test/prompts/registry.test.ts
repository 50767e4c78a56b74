import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openPromptSource, PROMPT_SOURCES } from "../../src/prompts/registry.ts";
import { CONTRACT_ROWS, promptSourceContract, type PromptFormat } from "../contracts/prompt-source.ts";
import { asCsv, asJson, asJsonl, asText, asTsv } from "./text-formats.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");

/** How the contract's rows look in each format of the registry. */
const FORMATS: Readonly<Record<string, PromptFormat>> = {
  txt: { write: asText, hasColumns: false, takesGzip: true },
  jsonl: { write: asJsonl, hasColumns: true, takesGzip: true },
  json: { write: asJson, hasColumns: true, takesGzip: true },
  csv: { write: asCsv, hasColumns: true, takesGzip: true },
  tsv: { write: asTsv, hasColumns: true, takesGzip: true },
  // Written by pyarrow: fixtures/make-parquet.py.
  parquet: {
    write: (rows) => readFileSync(join(FIXTURES, rows === CONTRACT_ROWS ? "rows.parquet" : "no-rows.parquet")),
    hasColumns: true,
    takesGzip: false,
  },
};

for (const [extension, format] of Object.entries(FORMATS)) promptSourceContract(extension, format);

describe("openPromptSource()", () => {
  it("knows no format that has not passed the contract", () => {
    expect(Object.keys(PROMPT_SOURCES).toSorted()).toEqual(Object.keys(FORMATS).toSorted());
  });

  it.each(["prompts.xlsx", "prompts", "prompts.gz", "prompts.toString", "prompts.txt.zip"])(
    "refuses %s and lists what there is",
    async (name) => {
      const dir = mkdtempSync(join(tmpdir(), "comfy-dpo-prompts-"));
      try {
        const file = join(dir, name);
        writeFileSync(file, "a fox");
        const failure = await openPromptSource(file).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(ConfigError);
        expect((failure as ConfigError).message).toContain(file);
        for (const extension of Object.keys(PROMPT_SOURCES)) expect((failure as ConfigError).hint).toContain(`.${extension}`);
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );

  it("says of a file that is not there that it is not, whatever its extension", async () => {
    await expect(openPromptSource("/nowhere/prompts.xlsx")).rejects.toThrow("/nowhere/prompts.xlsx: there is no such file");
  });

  it("goes by the extension in any case", async () => {
    expect((await openPromptSource("/nowhere/PROMPTS.TXT.GZ")).columns).toEqual(["prompt"]);
  });
});
