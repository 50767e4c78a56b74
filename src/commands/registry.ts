import type { CommandDeclaration, CommandInput, OptionValues } from "./command.ts";

const PROMPTS = { "--prompts <n>": "only the first N prompts; a later run without it goes on with the rest" } as const;
const DEADLINE = {
  "--until <hh:mm>": "stop cleanly at this time of day",
  "--for <duration>": "stop cleanly after this time: 90m, 10h",
} as const;

/** Every command, in the order of the help: the pipeline first. load-command.ts has the module of each. */
export const COMMANDS = {
  run: {
    summary: "all stages, streaming into one another: the overnight command",
    options: { ...PROMPTS, ...DEADLINE },
    example: "run -c configs/pipeline.yaml --until 08:00",
  },
  generate: {
    summary: "plan candidates and keep every ComfyUI server fed until all have run",
    options: { ...PROMPTS, ...DEADLINE, "--dry-run": "print the arithmetic and the first plans, touch no server" },
    example: "generate --prompts 10 --dry-run",
  },
  harvest: {
    summary: "move finished images into the store, each verified on the way",
    options: {
      ...PROMPTS,
      ...DEADLINE,
      "--follow": "go on while generate runs in another process or has open jobs; wait 60 s for one to start",
      "--adopt <source>": "take images that were made elsewhere: a ComfyUI server's URL (its history), a folder of ComfyUI PNGs, a .jsonl",
    },
    example: "harvest --follow",
  },
  judge: {
    summary: "inspect every stored image once, and have the judges score each finished group",
    options: {
      ...PROMPTS,
      "--dry-run": "print what is left to judge: groups, images and requests of each judge; asks no judge",
    },
    example: "judge --dry-run",
  },
  link: {
    summary: "choose chosen and rejected images from votes and scores",
    options: { ...PROMPTS },
    example: "link",
  },
  annotate: {
    summary:
      "judge, then link; `serve` is the page on which people choose, `import FILE` takes votes, `export-tasks` asks for them elsewhere",
    args: [
      {
        name: "[action]",
        description: "serve, invite, people, revoke, exclude, forget, import or export-tasks; nothing: judge, then link",
      },
      {
        name: "[names...]",
        description: "of people; for import a file: our JSONL, Label Studio, Argilla, Pick-a-Pic tables (docs/votes.md)",
      },
    ],
    servingActions: ["serve"],
    options: {
      ...PROMPTS,
      "--host <host>": "serve: address to listen on, default annotate.people.host",
      "--port <port>": "serve: default annotate.people.port; 0 for any free one",
      "--insecure": "serve: allow plain HTTP on a network, where others can read the links and vote",
      "--undo": "exclude: count their votes again",
      "--skip-bad": "import: leave out what cannot be imported",
      "--format <name>": "import: jsonl, label-studio, argilla, pick-a-pic; export-tasks: jsonl, label-studio, argilla",
      "--source <name>": "import: a name for the project, to distinguish two projects of one tool",
      "--map <columns>": "import: names of a table's columns, ours=theirs,…",
      "--task <kind>": "export-tasks: pair, best or rank; default: annotate.people.task",
      "--out <file>": "export-tasks: default <dir>/tasks.json",
      "--uri-base <uri>": "export-tasks: where the tool finds the store's images; default: export.uri_base",
    },
    example: "annotate import votes.jsonl",
  },
  export: {
    summary: "write the dataset as its next version: sharded JSONL, card, manifest; `diff A B` compares two versions",
    args: [
      { name: "[action]", description: "diff: what came, went and changed between two versions; nothing: export" },
      { name: "[versions...]", description: "for diff: two of them" },
    ],
    options: {
      ...PROMPTS,
      "--as <name>": "a name of your own instead of v1, v2, …",
      "--since <version>": "only the rows that an earlier version does not have, as a part that is added to it",
      "--croissant": "also croissant.json: the rows described in MLCommons' Croissant format",
      "--rows": "diff: name each row",
    },
    example: "export --since v1",
  },
  status: {
    summary: "what is planned, stored, rejected and failed, and why",
    options: { "--watch": "repeat every 2 s" },
    example: "status --watch",
    serves: true,
  },
  report: {
    summary: "one HTML page: counts, failures, scores, judges beside people's votes, a contact sheet",
    options: {
      "--out <file>": "default: <dir>/report.html",
      "--precision <share>": "print the margin from which each judge agrees with people this often; default 0.9",
    },
    example: "report",
  },
  check: {
    summary: "check the config, the servers, the workflow and the store; changes nothing",
    options: { "--canary": "make the same image on every server and compare" },
    example: "check",
  },
  init: {
    summary: "write a config from a workflow file, a ComfyUI PNG or a server's newest prompt",
    args: [{ name: "[source]", description: "workflow.json in API format, or image.png" }],
    options: {
      "--server <url>": "take the newest prompt of this server's history",
      "--out <file>": "config to write, default configs/mine.yaml; an existing file is never overwritten",
      "--prompts-file <file>": "the file of prompts to name in the config",
      "--yes": "ask nothing; an ambiguous workflow is an error that lists the choices",
    },
    example: "init workflow_api.json --out configs/mine.yaml",
    asks: true,
  },
  retry: {
    summary: "put failed jobs and rejected images back",
    options: {
      "--stage <stage>": "generate or harvest; default both",
      "--reason <reason>": "only this reason, as `status` shows it",
      "--id <id>": "only this job or image_id; a stored image is fetched, or made, again",
      "--variant <name>": "only this variant, or all that its name expands to; one that is paused goes on",
    },
    example: "retry --stage generate --reason oom",
  },
  exclude: {
    summary: "take images out of all later links and exports; without --yes it only prints what it would do",
    args: [{ name: "[action]", description: "undo: bring them back; list: what is excluded, by reason; nothing: exclude" }],
    options: {
      "--image <ids>": "image_ids, with commas between them",
      "--prompt <prompt>": "of one prompt: its prompt_key, its own id, or its text",
      "--variant <name>": "of one variant, or all that its name expands to",
      "--server <url>": "made by this server",
      "--since <moment>": "sent or finished from then on: 02:00, 2026-11-25T02:00, …T02:00Z",
      "--until <moment>": "sent before then",
      "--reason <text>": 'why, for status and the database (default: "by hand"); with undo: only what has this reason',
      "--redo":
        "generate them again with the same seeds, as new images (drain a faulty server first). Versions keep the old files; prune deletes what none shows",
      "--ignore-missing": "no effect; accepted for scripts of earlier versions",
      "--yes": "do it",
    },
    example: 'exclude --server http://gpu-2:8188 --since 02:00 --reason "gpu-2 was faulty" --redo --yes',
  },
  verify: {
    summary: "re-read store and export against database and manifest",
    args: [{ name: "[version]", description: "default: the newest" }],
    options: { "--sample <n>": "only N images of the store" },
    example: "verify v1 --sample 1000",
  },
  servers: {
    summary: "list the servers (version, model, queue, rate, errors), or send one an order: drain, resume, interrupt, free, clear",
    args: [
      { name: "[action]", description: "drain, resume, interrupt, free or clear; nothing: list" },
      { name: "[url]", description: "of the configuration" },
    ],
    example: "servers drain http://127.0.0.1:8188",
  },
  demo: {
    summary: "the whole pipeline on embedded parts: emulator, SQLite, folder, built-in judge",
    example: "demo",
  },
  emulate: {
    summary: "the ComfyUI emulator alone",
    options: {
      "--port <port>": "first port, default 8188",
      "--servers <n>": "how many, on consecutive ports",
      "--exec-ms <ms>": "time a prompt takes",
      "--comfy <version>": "the release it plays: 0.3.64 (default) or 0.33.0",
      "--faults <spec>": "faults to play, e.g. view-cut:0.1,oom:0.01",
    },
    example: "emulate --servers 2 --exec-ms 100",
    serves: true,
  },
  prune: {
    summary: "remove stored images that no export and no linked row shows; without --yes it only prints what it would remove",
    options: {
      "--yes": "do it",
      "--unpaired": "also images of prompts that have no row: ties, filtered, not voted on yet",
      "--older-than <days>": "only images stored at least this many days ago",
      "--expire": "tag them for the bucket's lifecycle rule instead of deleting them",
      "--orphans": "also objects older than a day that no row of the database refers to",
      "--ignore-missing": "keep no images for exported versions that are no longer there",
    },
    example: "prune --older-than 30 --yes",
  },
  lifecycle: {
    summary: "show the bucket's lifecycle rules, or set the one for what prune --expire tags",
    options: {
      "--set <days>": "have the bucket delete them this many days after they were written",
      "--remove": "remove our rule",
      "--yes": "do it; other rules of the bucket stay",
    },
    example: "lifecycle --set 30 --yes",
  },
  push: {
    summary: "push a version to a dataset repository on the Hugging Face Hub; reads the token from HF_TOKEN",
    args: [{ name: "[version]", description: "default: the newest" }],
    options: {
      "--repo <owner/name>": "the repository; created if it does not exist",
      "--private": "create it as private; fails if it is public",
      "--branch <name>": "default main; created if it does not exist",
    },
    example: "push v1 --repo me/my-preferences --private",
  },
  worker: { summary: "comes with a later version", example: "worker", later: true },
} as const satisfies Readonly<Record<string, CommandDeclaration>>;

export type CommandName = keyof typeof COMMANDS;

/** Options that several commands declare. */
export type PromptsOption = OptionValues<typeof PROMPTS>;
export type DeadlineOptions = OptionValues<typeof DEADLINE>;

/** The options that a command declares: `--older-than <days>` is `olderThan`. */
export type OptionsOf<Name extends CommandName> = OptionValues<
  (typeof COMMANDS)[Name] extends { readonly options: infer Declared } ? Declared : unknown
>;

/** The input of a command. A name of an option that it does not declare does not compile. */
export type InputOf<Name extends CommandName> = CommandInput<OptionsOf<Name>>;
