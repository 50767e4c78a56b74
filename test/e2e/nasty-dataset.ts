import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { comfyPng } from "../helpers/comfy-png.ts";
import { scoringAll, startStandIn } from "../helpers/stand-ins/judge-stand-in.ts";
import { runCli, type CliOptions, type CliResult } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

/** What loaders stumble over, in one dataset that the program itself made: generated and adopted images, judged by people and by none. */
export interface NastyDataset extends Project {
  run(...args: readonly string[]): Promise<CliResult>;
  /** Exports under another `export` section, as the version of that name. */
  exportAs(name: string, section: object): Promise<string>;
}

/** 3 MB: more than loaders read before they first decide on types. */
const LONG_PROMPT = `a very long story, ${"and then it rained. ".repeat(150_000)}`;
/** Seeds about 2^53, and the largest that ComfyUI takes. */
const SEEDS = ["9007199254740991", "9007199254740992", "9007199254740993", "18446744073709551615"];

const BASE_EXPORT = { uri_base: "https://data.example/set", card: { license: "apache-2.0", samples: 2 } };

export async function makeNastyDataset(emulator: Emulator, env: Readonly<Record<string, string>> = {}): Promise<NastyDataset> {
  const judge = await startStandIn(scoringAll);
  const config = {
    prompts: { file: "prompts.jsonl", keep: ["Info"] },
    annotate: {
      criteria: ["overall", "beauty"],
      judges: [{ name: "pick", kind: "http", url: judge.url }],
      filters: { near_duplicate: 0, blank: false },
      pairs: { from: ["people", "pick"] },
    },
    export: BASE_EXPORT,
  };
  const made = makeProject({ servers: [emulator.url], config });
  const options: CliOptions = { env };
  const run = async (...args: readonly string[]): Promise<CliResult> => {
    const result = await runCli([...args, "-c", made.config], options);
    expect(result.exit, `${args.join(" ")}: ${result.stderr}`).toBe(0);
    return result;
  };
  const prompts = [
    String.raw`{"prompt":"a red fox","Info":{"__proto__":{"x":1},"n":1.0,"s":"\ud800"}}`,
    String.raw`{"prompt":"two \ud800 cups of “tea”","Info":null}`,
    `{"prompt":"a map of an island"}`,
  ];
  writeFileSync(join(made.dir, "prompts.jsonl"), `${prompts.join("\n")}\n`);
  writeFileSync(join(made.dir, "adopt.jsonl"), `${adoptedLines(made.dir).join("\n")}\n`);
  await run("generate");
  await run("harvest");
  await run("harvest", "--adopt", join(made.dir, "adopt.jsonl"));
  await run("annotate");
  await judge[Symbol.asyncDispose]();
  writeFileSync(join(made.dir, "votes.jsonl"), `${votesOf(made).join("\n")}\n`);
  await run("annotate", "import", join(made.dir, "votes.jsonl"));
  return {
    ...made,
    run,
    async exportAs(name, section) {
      made.configure({ export: { ...BASE_EXPORT, ...section } });
      await run("export", "--as", name);
      return join(made.runs, "export", name);
    },
  };
}

function adoptedLines(dir: string): readonly string[] {
  let shade = 0;
  const line = (prompt: string, rest: string): string => {
    const file = `adopted-${++shade}.png`;
    writeFileSync(join(dir, file), comfyPng({ shade, chunks: { note: "workflow of nobody" } }));
    return `{"prompt":${JSON.stringify(prompt)},"file":"${file}","model":"elsewhere"${rest}}`;
  };
  return [
    ...SEEDS.map((seed) => line("big seeds", `,"seed":${seed}`)),
    ...[1, 2, 3].map((seed) => line(LONG_PROMPT, `,"seed":${seed}`)),
    ...[1, 2, 3, 4].map((seed) => line("nothing is better", `,"seed":${seed},"negative":"worse"`)),
  ];
}

/** Preferences, a tie, both bad and a skip. */
function votesOf(made: Project): readonly string[] {
  const imagesOf = (like: string): readonly string[] =>
    made.column(`select image_id from image_index where prompt like '${like}' and state = 'stored' order by image_id`).map(String);
  const [fox, tea, equal] = ["a red fox", "two %", "nothing is better"].map(imagesOf);
  const votes = [
    { images: fox, choice: 1 },
    { images: fox, choice: 1, ms: 4_150, cast_at: "2026-03-01T21:04:05Z" },
    { images: fox, ranking: [[fox?.[0]], [fox?.[2], fox?.[1]]] },
    { images: tea?.slice(0, 2), choice: 0, criterion: "beauty" },
    { images: equal?.slice(0, 2), choice: "tie" },
    { images: equal?.slice(2, 4), choice: "both_bad" },
    { images: equal?.slice(1, 3), choice: "skip" },
  ];
  return votes.map((vote, index) => JSON.stringify({ vote_id: `vote ${index}`, annotator: `Zoë ${index % 3}`, ...vote }));
}
