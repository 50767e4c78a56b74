import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadText, problemsIn, refusalOf } from "./config-text.ts";

// Every key that the README's configuration lists is taken, or answered with "comes with …": never as unknown.

/** All keys with the values that the documentation gives them. */
const WHOLE = `
dataset: parti-sd15
dir: ../runs/parti-sd15
seed: 7
prompts:
  file: prompts.tsv
  prompt: Prompt
  send: rewritten
  template: "{prompt}"
  negative: Negative
  id: Id
  columns: { width: W }
  keep: [Category, Challenge]
  limit: 500
workflows:
  sd15:
    file: workflows/sd15.json
    bind:
      prompt: 2.text
      negative: title:Negative prompt#text
      seed: class:KSampler#seed
      cfg: 4.cfg
    outputs: [7]
    allow_nodes: [core]
    uploads: { reference: refs/ }
  sdxl:
    file: workflows/sdxl.json
    bind: { prompt: none, seed: 4.seed, guidance: [4.cfg, "57:8.cfg"], lora: 9.lora_name }
    outputs: ["7"]
    allow_nodes: any
candidates:
  per_prompt: 4
  seeds: derived
  variants:
    - { name: base, workflow: sd15, set: { cfg: 7 } }
    - { name: sweep, workflow: sdxl, set: { guidance: [2.5, 3.5], lora: [a, b] }, zip: [[guidance, lora]] }
servers:
  - { url: "http://127.0.0.1:8188", headers: { authorization: "Bearer \${COMFY_TOKEN}" }, output_dir: null, ca_file: null }
generate: { window: 2, max_attempts: 3, stall_timeout_s: 600, give_up_s: 3600, save_as: output }
harvest: { concurrency: 16, delete_history: true, max_image_mb: 64, reclaim: false }
store:
  uri: s3://bucket/prefix
  endpoint: http://127.0.0.1:8333
  region: us-east-1
  path_style: true
  storage_class: STANDARD_IA
  sse: AES256
  tags: { project: foxes }
  metadata: keep
annotate:
  criteria: [overall]
  judges:
    - { name: quality, kind: builtin }
    - { name: pickscore, kind: http, url: "http://127.0.0.1:9000/score", version: "1", headers: {}, concurrency: 8 }
    - { name: vlm, kind: openai, url: "http://127.0.0.1:8000/v1", model: qwen-vl, mode: pointwise, prompt_file: null, max_requests: 100000 }
  filters: { blank: true, same_pixels: true, near_duplicate: 4, flagged: true }
  people:
    { task: best, prompts: all, overlap: 1, max_votes: 5, gold: null, gold_rate: 0.05, host: 127.0.0.1, port: 4180, public_url: null, guidelines: null, language: en }
  pairs:
    from: [people, pickscore]
    policy: best-rest
    across: any
    min_margin: 0
    min_votes: 1
    min_agreement: 0
    max_per_prompt: 1
export:
  pairs: main
  uri: export
  uri_base: null
  tables: [default]
  formats: [jsonl]
  images: { format: original, quality: 95, max_side: null }
  shards: auto
  gzip: false
  splits: { train: 98, validation: 1, test: 1 }
  fields: full
  seed_format: number
  card: { license: null, license_link: null, authors: null, models: {} }
`;

const env = { COMFY_TOKEN: "x" };

/** What is said about a configuration; nothing where it is taken. */
function problemsOfWhole(text: string): readonly string[] {
  try {
    loadText(text, env);
    return [];
  } catch {
    return problemsIn(refusalOf(text, env));
  }
}

/** The whole configuration with other values at some keys, given as \`a.b\`. */
function changed(changes: Readonly<Record<string, unknown>>): string {
  const config = parse(WHOLE) as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".");
    const last = keys.pop()!;
    const section = keys.reduce((parent, key) => parent[key] as Record<string, unknown>, config);
    if (value === undefined) delete section[last];
    else section[last] = value;
  }
  return stringify(config);
}

describe("the documented configuration", () => {
  it("is taken whole", () => {
    expect(problemsOfWhole(WHOLE)).toEqual([]);
  });

  it("takes the other documented values", () => {
    const others = {
      "candidates.seeds": [1, 2, 3],
      "generate.save_as": "temp",
      "annotate.people.task": "rank",
      "annotate.people.prompts": 500,
      "annotate.people.language": "zh",
      "annotate.pairs": {
        main: { policy: "best-worst", across: "within" },
        strict: { policy: "adjacent", across: { chosen: ["base"], rejected: ["sweep"] } },
        all: { policy: "all" },
      },
      "export.shards": 16,
      "export.gzip": true,
      "export.fields": "minimal",
      "export.seed_format": "string",
      "export.uri": "s3://bucket/exports",
      "export.uri_base": "https://images.example.org/",
      "export.card": {
        license: "cc0-1.0",
        license_link: "https://example.org",
        authors: ["A", "B"],
        models: { "sd15.safetensors": "org/name" },
      },
      "store.uri": "file:images",
    };
    expect(problemsOfWhole(changed({ ...others }))).toEqual([]);
  });

  it.each<[path: string, value: unknown]>([
    ["export.formats", ["jsonl", "parquet", "webdataset", "imagefolder", "winlose"]],
    ["export.tables", ["default", "pairs", "rankings", "ties", "votes"]],
    ["export.images", { format: "jpeg", quality: 90, max_side: 512 }],
  ])("takes %s: %j", (path, value) => {
    expect(problemsOfWhole(changed({ [path]: value }))).toEqual([]);
  });
});
