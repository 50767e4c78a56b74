import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { ConfigError } from "../../src/errors.ts";
import { loadMore, loadText, problemsIn, problemsOf, refusalOf, REQUIRED } from "./config-text.ts";

describe("what is required", () => {
  it("is enough", () => {
    const config = loadText(REQUIRED);
    expect(config).toMatchObject({ dataset: "foxes", seed: 0n, servers: [{ url: "http://127.0.0.1:8188", headers: {} }] });
    expect(Object.keys(config.workflows)).toEqual(["main"]);
    expect(config.annotate.pairs["main"]).toMatchObject({ policy: "best-rest", from: ["people", "quality"] });
    expect(config.candidates.variants).toEqual([{ name: "base", set: {}, zip: [] }]);
  });

  const required = ["dataset", "prompts.file", "workflow.file", "workflow.bind.prompt", "workflow.bind.seed", "servers"];

  it.each(["{}", "seed: 1", "prompts: {}\nworkflow: { bind: {} }", "dataset:\nprompts:\nworkflow:\nservers:\n"])(
    "is listed whole for %j",
    (text) => {
      const problems = problemsIn(refusalOf(text));
      expect(problems).toHaveLength(required.length);
      for (const key of required)
        expect(problems).toContainEqual(expect.stringMatching(`: ${RegExp.escape(key)} is (?:missing|empty), expected `));
    },
  );

  it("may be several workflows by name, of which each needs its own", () => {
    const workflows = (more: string) =>
      REQUIRED.replace("workflow: {", `workflows: { ${more} sdxl: {`).replace("4.seed } }", "4.seed } } }");
    expect(Object.keys(loadText(workflows("")).workflows)).toEqual(["sdxl"]);
    const [file, prompt, seed, ...more] = problemsIn(refusalOf(workflows("flux: {},")));
    expect(file).toContain("workflows.flux.file is missing");
    expect(prompt).toContain("workflows.flux.bind.prompt is missing");
    expect(seed).toContain("workflows.flux.bind.seed is missing");
    expect(more).toEqual([]);
  });

  it("is said where only the workflow is missing, and where there are both", () => {
    const none = REQUIRED.split("\n")
      .filter((line) => !line.startsWith("workflow"))
      .join("\n");
    expect(problemsIn(refusalOf(none))).toEqual([expect.stringContaining("workflow is missing")]);
    expect(problemsOf("workflows: { x: { file: w.json, bind: { prompt: none, seed: 1.seed } } }")).toEqual([
      expect.stringMatching(/^line 5, column 1: workflows and workflow are both given/),
    ]);
  });
});

describe("unknown keys", () => {
  it.each([
    ["canddates: {}", 'line 5, column 1: canddates is no key (did you mean "candidates"?)'],
    ["harvest:\n  Concurrency: 3", 'line 6, column 3: harvest.Concurrency is no key (did you mean "concurrency"?)'],
    ["per_prompt: 3", "line 5, column 1: per_prompt is no key (did you mean candidates.per_prompt?)"],
    ["__proto__: 1", "line 5, column 1: __proto__ is no key; there is dataset, "],
    ["constructor: 1", "line 5, column 1: constructor is no key; there is dataset, "],
    [
      "candidates: { variants: [{ name: a }, { name: b, sett: {} }] }",
      'column 50: candidates.variants[1].sett is no key (did you mean "set"?)',
    ],
    ["annotate: { pairs: { policy: all, fromm: [people] } }", 'annotate.pairs.fromm is no key (did you mean "from"?)'],
    ["annotate: { pairs: { strict: { polcy: all } } }", 'annotate.pairs.strict.polcy is no key (did you mean "policy"?)'],
    ["annotate: { pairs: { across: { chosen: [a], rejected: [b], reject: [c] } } }", "annotate.pairs.across.reject is no key"],
    [
      "annotate: { judges: [{ name: a, kind: http, url: x, versoin: 1 }] }",
      'annotate.judges[0].versoin is no key (did you mean "version"?)',
    ],
    ["annotate: { judges: [{ name: a, kind: builtin, url: x }] }", "annotate.judges[0].url is no key; there is name, kind"],
  ])("%s", (more, expected) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(expected)]);
  });

  it("are told all at once, in the order of the file", () => {
    expect(problemsOf("stor: {}\ngenerate: { windw: 3, window: 0 }\nexprt: {}").map((problem) => problem.split(" is ")[0])).toEqual([
      "line 5, column 1: stor",
      "line 6, column 13: generate.windw",
      "line 6, column 31: generate.window",
      "line 7, column 1: exprt",
    ]);
  });

  it("are none where users name things", () => {
    const config = loadText(REQUIRED.replace("seed: 4.seed", "seed: 4.seed, lora: [5.name, 6.name]"));
    expect(config.workflows["main"]?.bind["lora"]).toEqual(["5.name", "6.name"]);
    expect(loadMore("export: { card: { models: { a.safetensors: org/a } } }").export.card.models).toEqual({ "a.safetensors": "org/a" });
  });
});

describe("values that do not fit", () => {
  it.each([
    ["seed: 1.5", "seed is 1.5, expected a whole number"],
    ["harvest: { concurrency: '16' }", 'harvest.concurrency is "16", expected a whole number ≥ 1'],
    ["generate: { save_as: outptu }", 'generate.save_as is "outptu", expected one of output, temp (did you mean output?)'],
    [
      "annotate: { judges: [{ name: q, kind: buildin }] }",
      'annotate.judges[0].kind is "buildin", expected builtin or http or openai (did you mean builtin?)',
    ],
    ["annotate: { judges: [{ name: q }] }", "annotate.judges[0].kind is missing"],
    ["candidates: { seeds: drived }", 'candidates.seeds is "drived", expected derived or a list'],
    ["candidates: { seeds: { max: -1 } }", "candidates.seeds.max is -1, expected a whole number ≥ 0"],
    ["candidates: { seeds: [1, 18446744073709551616] }", "candidates.seeds[1] is 18446744073709551616, expected"],
    ["candidates: { variants: [] }", "candidates.variants is an empty list"],
    ["annotate: { criteria: [a b] }", 'annotate.criteria[0] is "a b", expected letters, digits'],
    ["dir: 5", "dir is 5, expected text (put it in quotes)"],
    ["annotate: { pairs: { across: { chosen: [base] } } }", "annotate.pairs.across.rejected is missing"],
    [
      "export: { formats: [jsnl] }",
      'export.formats[0] is "jsnl", expected one of jsonl, parquet, webdataset, imagefolder, winlose (did you mean jsonl?)',
    ],
  ])("%s", (more, expected) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(expected)]);
  });

  it.each(["-foxes", "Foxes", "red_foxes", '""', "5"])("are told for a dataset's name: %s", (name) => {
    const [problem] = problemsIn(refusalOf(REQUIRED.replace("foxes", name)));
    expect(problem).toMatch(/^line 1, column 10: dataset is .*, expected lower-case letters, digits and '-', a letter or digit first/);
  });

  it("show no header's value", () => {
    const text = REQUIRED.replace('8188" }', '8188", headers: { authorization: [s3cret], "bad name": s3cret, x: "s3cret\\n" } }');
    expect(refusalOf(text).message).not.toContain("s3cret");
    expect(refusalOf(text.replace("[s3cret]", "s3cret")).message).not.toContain("s3cret");
  });
});

describe("defaults", () => {
  it("come one by one; a list replaces the default list", () => {
    const config = loadMore("harvest: { max_image_mb: 5 }\nannotate: { judges: [{ name: mine, kind: builtin }], criteria: [hands] }");
    expect(config.harvest).toEqual({ max_image_mb: 5, concurrency: 16, delete_history: true, reclaim: false });
    expect(config.annotate.judges).toEqual([{ name: "mine", kind: "builtin" }]);
    expect(config.annotate.criteria).toEqual(["hands"]);
    expect(config.annotate.pairs["main"]?.from).toEqual(["people", "mine"]);
    const nodes = loadText(REQUIRED.replace("file: w.json", "file: w.json, allow_nodes: [Mine]")).workflows["main"]?.allow_nodes;
    expect(nodes).toEqual(["Mine"]);
  });

  it("are those of the contract", () => {
    const { candidates, generate, harvest, store, annotate, export: exported } = loadText(REQUIRED);
    expect(candidates).toMatchObject({ per_prompt: 4, seeds: "derived" });
    expect(generate).toEqual({
      window: 2,
      max_attempts: 3,
      stall_timeout_s: 600,
      probe_after_s: 60,
      min_free_vram_mb: 0,
      min_free_ram_mb: 0,
      min_free_disk_mb: 2000,
      give_up_s: 3600,
      save_as: "output",
    });
    expect(harvest).toEqual({ concurrency: 16, delete_history: true, max_image_mb: 64, reclaim: false });
    expect(store.metadata).toBe("keep");
    expect(annotate.filters).toEqual({ blank: true, same_pixels: true, near_duplicate: 4, flag_votes: 1, nsfw: null });
    expect(annotate.people).toMatchObject({
      task: "best",
      prompts: "all",
      overlap: 1,
      max_votes: 5,
      gold_rate: 0.05,
      port: 4180,
      host: "127.0.0.1",
    });
    expect(annotate.pairs["main"]).toMatchObject({
      policy: "best-rest",
      across: "any",
      min_margin: 0,
      min_votes: 1,
      min_agreement: 0,
      max_per_prompt: 1,
    });
    expect(exported).toMatchObject({
      pairs: "main",
      tables: ["default"],
      formats: ["jsonl"],
      shards: "auto",
      gzip: false,
      fields: "full",
      seed_format: "number",
      uri_base: null,
    });
  });

  it.each(["generate", "harvest", "store", "candidates", "annotate", "export"])("stand for %s: with nothing under it", (section) => {
    const { configFile: _file, written: _written, ...config } = loadMore(`dir: /d\n${section}: # all commented out`);
    const { configFile: _plainFile, written: _plainWritten, ...plain } = loadMore("dir: /d");
    expect({ ...config, prompts: null, workflows: null }).toEqual({ ...plain, prompts: null, workflows: null });
  });

  it.each(["pairs:", "pairs: {}", "pairs: { main: }", "pairs: { main: {} }", "pairs: { policy: best-rest }"])(
    "stand for annotate: { %s }",
    (pairs) => {
      expect(loadMore(`annotate: { ${pairs} }`).annotate.pairs).toEqual(loadText(REQUIRED).annotate.pairs);
    },
  );
});

describe("pairs", () => {
  it("are one set alone or sets by name", () => {
    expect(Object.keys(loadMore("annotate: { pairs: { policy: all } }").annotate.pairs)).toEqual(["main"]);
    const two = loadMore("annotate: { pairs: { main: { policy: all }, strict: { min_margin: 0.5 } } }\nexport: { pairs: strict }");
    expect(two.annotate.pairs).toMatchObject({ main: { policy: "all" }, strict: { policy: "best-rest", min_margin: 0.5 } });
    expect(Object.keys(loadMore("annotate: { pairs: { across: { chosen: [base], rejected: [base] } } }").annotate.pairs)).toEqual(["main"]);
  });

  it("are told as they are written", () => {
    expect(problemsOf("annotate: { pairs: { from: [peple] } }")).toEqual([
      'line 5, column 29: annotate.pairs.from[0] is "peple", which is no source (did you mean "people"?)',
    ]);
    expect(problemsOf("annotate: { pairs: { main: { from: [peple] } } }")).toEqual([
      expect.stringContaining("annotate.pairs.main.from[0] is"),
    ]);
    expect(loadMore("annotate: { pairs: { from: [combined] } }").annotate.pairs["main"]?.from).toEqual(["combined"]);
  });
});

describe("paths", () => {
  it("start at the config file, those of store and export at dir", () => {
    const config = loadMore("dir: out\nannotate: { people: { gold: g.jsonl, guidelines: /abs/g.md } }");
    const folder = dirname(config.configFile);
    expect(config.dir).toBe(`${folder}/out`);
    expect(config.prompts.file).toBe(`${folder}/p.txt`);
    expect(config.workflows["main"]?.file).toBe(`${folder}/w.json`);
    expect(config.annotate.people).toMatchObject({ gold: `${folder}/g.jsonl`, guidelines: "/abs/g.md" });
    expect(config.store.uri).toBe(`${pathToFileURL(folder).href}/out/images`);
    expect(config.export.uri).toBe(`${folder}/out/export`);
  });

  it("default to ../runs/<dataset> beside the config's folder", () => {
    const config = loadText(REQUIRED);
    expect(config.dir).toBe(`${dirname(dirname(config.configFile))}/runs/foxes`);
  });

  it("of servers, too", () => {
    const config = loadText(REQUIRED.replace('8188" }', '8188/", output_dir: ../out, ca_file: ca.pem }'));
    const folder = dirname(config.configFile);
    expect(config.servers[0]).toEqual({
      url: "http://127.0.0.1:8188",
      headers: {},
      output_dir: `${dirname(folder)}/out`,
      ca_file: `${folder}/ca.pem`,
    });
  });
});

describe("the YAML", () => {
  it.each([
    ["seed: 1\nseed: 2", /line 6, column 1: the key stands there twice/],
    ["a: b: c", /line 5, column 4: /],
    ["harvest:\n\tconcurrency: 1", /line 6, column 1: tabs cannot indent/],
    ["store: *x", /line 5, column 8: there is no anchor &x/],
    ["---\nseed: 1", /line 5, column 1: a second document/],
    ["seed: !secret x", /line 5, column 7: /],
    ["store: { uri: 's3://b/p' ", /line [56], column \d+: /],
  ])("%j is refused with its line", (more, expected) => {
    expect(refusalOf(`${REQUIRED}${more}\n`).message).toMatch(expected);
  });

  it("says what to do where an unquoted ${NAME} stands inside braces", () => {
    expect(refusalOf(`${REQUIRED}store: { region: \${REGION} }\n`).hint).toContain('put "${NAME}" in quotes');
  });

  it.each([
    ["", /the file is empty/],
    ["# nothing\n", /the file is empty/],
    ["- a\n", /expected a mapping/],
    ["text", /expected a mapping/],
    [Buffer.from([0x61, 0xff]), /not UTF-8/],
  ])("refuses %j", (text, expected) => {
    expect(refusalOf(text).message).toMatch(expected);
  });

  it("keeps every digit of an integer", () => {
    expect(loadMore("seed: 18446744073709551615").seed).toBe(18446744073709551615n);
    expect(loadMore("candidates: { seeds: [0, 18446744073709551615] }\nexport: { seed_format: string }").candidates.seeds).toEqual([
      0,
      18446744073709551615n,
    ]);
    expect(loadMore("candidates: { variants: [{ name: a, set: { n: 9007199254740993 } }] }").candidates.variants[0]?.set["n"]).toBe(
      9007199254740993n,
    );
  });

  it("takes anchors and merges", () => {
    const config = loadMore("x: 1".replace("x: 1", "store: &s { region: a }\nexport: { card: { models: { <<: *s, b: c } } }"));
    expect(config.export.card.models).toEqual({ region: "a", b: "c" });
  });

  it("refuses a few lines that stand for gigabytes", () => {
    const bomb = [
      "a0: &a0 [x,x,x,x,x,x,x,x,x,x]",
      ...Array.from({ length: 9 }, (_, level) => `a${level + 1}: &a${level + 1} [${Array(10).fill(`*a${level}`).join(",")}]`),
    ];
    expect(refusalOf(bomb.join("\n")).hint).toContain("aliases");
  });

  it("refuses a file that is not there, with what to do", () => {
    expect(() => loadConfig("/nowhere/c.yaml", { env: {} })).toThrow(ConfigError);
    expect(() => loadConfig("/nowhere/c.yaml", { env: {} })).toThrow(/\/nowhere\/c\.yaml/);
  });
});
