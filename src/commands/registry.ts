import type { CommandSpec } from "./command.ts";

const PROMPTS = { flags: "--prompts <n>", description: "only the first N prompts; a later run without it goes on with the rest" };
const UNTIL = [
  { flags: "--until <hh:mm>", description: "stop in good order at this time of day" },
  { flags: "--for <duration>", description: "stop in good order after this long: 90m, 10h" },
];

/** Every command, in the order of the help: the pipeline first. */
export const commands: readonly CommandSpec[] = [
  {
    name: "run",
    summary: "all stages, streaming into one another: the overnight command",
    options: [PROMPTS, ...UNTIL],
    example: "run -c configs/pipeline.yaml --until 08:00",
    load: () => import("./run/run.ts"),
  },
  {
    name: "generate",
    summary: "plan candidates and keep every ComfyUI server fed until all have run",
    options: [PROMPTS, ...UNTIL, { flags: "--dry-run", description: "print the arithmetic and the first plans, touch no server" }],
    example: "generate --prompts 10 --dry-run",
    load: () => import("./generate/generate.ts"),
  },
  {
    name: "harvest",
    summary: "move finished images into the store, each verified on the way",
    options: [
      PROMPTS,
      ...UNTIL,
      { flags: "--follow", description: "go on while generate runs in another process or has open jobs; wait 60 s for one to start" },
      {
        flags: "--adopt <source>",
        description: "take images that were made elsewhere: a ComfyUI server's URL (its history), a folder of ComfyUI PNGs, a .jsonl",
      },
    ],
    example: "harvest --follow",
    load: () => import("./harvest/harvest.ts"),
  },
  {
    name: "judge",
    summary: "look at every stored image once and have the judges score each finished group",
    options: [
      PROMPTS,
      { flags: "--dry-run", description: "what is left to judge: groups, images and requests of each judge; asks nobody" },
    ],
    example: "judge --dry-run",
    load: () => import("./judge/judge.ts"),
  },
  {
    name: "link",
    summary: "choose chosen and rejected images from votes and scores",
    options: [PROMPTS],
    example: "link",
    load: () => import("./link.ts"),
  },
  {
    name: "annotate",
    summary:
      "judge and link in a row; `serve` is the page on which people choose, `import FILE` takes votes, `export-tasks` asks for them elsewhere",
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
    options: [
      PROMPTS,
      { flags: "--host <host>", description: "serve: address to listen on, default annotate.people.host" },
      { flags: "--port <port>", description: "serve: default annotate.people.port; 0 for any free one" },
      { flags: "--insecure", description: "serve: plain HTTP on a network, where anybody on the way can read links and vote" },
      { flags: "--undo", description: "exclude: count their votes again" },
      { flags: "--skip-bad", description: "import: leave out what cannot be imported" },
      {
        flags: "--format <name>",
        description: "import: jsonl, label-studio, argilla, pick-a-pic; export-tasks: jsonl, label-studio, argilla",
      },
      { flags: "--source <name>", description: "import: tells two projects of one tool apart" },
      { flags: "--map <columns>", description: "import: names of a table's columns, ours=theirs,…" },
      { flags: "--task <kind>", description: "export-tasks: pair, best or rank; default: annotate.people.task" },
      { flags: "--out <file>", description: "export-tasks: default <dir>/tasks.json" },
      { flags: "--uri-base <uri>", description: "export-tasks: where the tool finds the store's images; default: export.uri_base" },
    ],
    example: "annotate import votes.jsonl",
    load: () => import("./annotate/annotate.ts"),
  },
  {
    name: "export",
    summary: "write the dataset as its next version: sharded JSONL, card, manifest; `diff A B` compares two versions",
    args: [
      { name: "[action]", description: "diff: what came, went and changed between two versions; nothing: export" },
      { name: "[versions...]", description: "for diff: two of them" },
    ],
    options: [
      PROMPTS,
      { flags: "--as <name>", description: "a name of your own instead of v1, v2, …" },
      { flags: "--since <version>", description: "only the rows that an earlier version does not have, as a part that is added to it" },
      { flags: "--croissant", description: "also croissant.json: the rows described in MLCommons' Croissant format" },
      { flags: "--rows", description: "diff: name each row" },
    ],
    example: "export --since v1",
    load: () => import("./export/export.ts"),
  },
  {
    name: "status",
    summary: "what is planned, stored, rejected and failed, and why",
    options: [{ flags: "--watch", description: "again every 2 s" }],
    example: "status --watch",
    serves: true,
    load: () => import("./status/status.ts"),
  },
  {
    name: "report",
    summary: "one HTML page: counts, failures, scores, judges beside people's votes, a contact sheet",
    options: [
      { flags: "--out <file>", description: "default: <dir>/report.html" },
      { flags: "--precision <share>", description: "from which margin on each judge agrees with people this often; default 0.9" },
    ],
    example: "report",
    load: () => import("./report/report.ts"),
  },
  {
    name: "check",
    summary: "the doctor: config, servers, workflow, store; changes nothing",
    options: [{ flags: "--canary", description: "make the same image on every server and compare" }],
    example: "check",
    load: () => import("./check/check.ts"),
  },
  {
    name: "init",
    summary: "write a config from a workflow file, a ComfyUI PNG or a server's newest prompt",
    args: [{ name: "[source]", description: "workflow.json in API format, or image.png" }],
    options: [
      { flags: "--server <url>", description: "take the newest prompt of this server's history" },
      { flags: "--out <file>", description: "config to write, default configs/mine.yaml; never over an existing one" },
      { flags: "--prompts-file <file>", description: "prompts to name in the config" },
      { flags: "--yes", description: "ask nothing; what is ambiguous is an error that lists the candidates" },
    ],
    example: "init workflow_api.json --out configs/mine.yaml",
    asks: true,
    load: () => import("./init/init.ts"),
  },
  {
    name: "retry",
    summary: "put failed jobs and rejected images back",
    options: [
      { flags: "--stage <stage>", description: "generate or harvest; default both" },
      { flags: "--reason <reason>", description: "only this reason, as `status` shows it" },
      { flags: "--id <id>", description: "only this job or image_id; a stored image is fetched, or made, again" },
      { flags: "--variant <name>", description: "only this variant, or all that its name expands to; one that is paused goes on" },
    ],
    example: "retry --stage generate --reason oom",
    load: () => import("./retry.ts"),
  },
  {
    name: "exclude",
    summary: "take images out of all later links and exports; says only what it would do, without --yes",
    args: [{ name: "[action]", description: "undo: bring them back; list: what is excluded, by reason; nothing: exclude" }],
    options: [
      { flags: "--image <ids>", description: "image_ids, with commas between them" },
      { flags: "--prompt <prompt>", description: "of one prompt: its prompt_key, its own id, or its text" },
      { flags: "--variant <name>", description: "of one variant, or all that its name expands to" },
      { flags: "--server <url>", description: "made by this server" },
      { flags: "--since <moment>", description: "sent or finished from then on: 02:00, 2026-11-25T02:00, …T02:00Z" },
      { flags: "--until <moment>", description: "sent before then" },
      {
        flags: "--reason <text>",
        description: 'why, for status and the database (default: "by hand"); with undo: only what has this reason',
      },
      {
        flags: "--redo",
        description:
          "generate them again with the same seeds, as new images (drain a faulty server first). Versions keep the old files; prune deletes what none shows",
      },
      { flags: "--ignore-missing", description: "not needed any more; accepted for scripts of earlier versions" },
      { flags: "--yes", description: "do it" },
    ],
    example: 'exclude --server http://gpu-2:8188 --since 02:00 --reason "gpu-2 was faulty" --redo --yes',
    load: () => import("./exclude/exclude.ts"),
  },
  {
    name: "verify",
    summary: "re-read store and export against database and manifest",
    args: [{ name: "[version]", description: "default: the newest" }],
    options: [{ flags: "--sample <n>", description: "only N images of the store" }],
    example: "verify v1 --sample 1000",
    load: () => import("./verify/verify.ts"),
  },
  {
    name: "servers",
    summary: "every server: version, model, queue, rate, errors; or tells one: drain, resume, interrupt, free, clear",
    args: [
      { name: "[action]", description: "drain, resume, interrupt, free or clear; nothing: list" },
      { name: "[url]", description: "of the configuration" },
    ],
    example: "servers drain http://127.0.0.1:8188",
    load: () => import("./servers/servers.ts"),
  },
  {
    name: "demo",
    summary: "the whole pipeline on embedded parts: emulator, SQLite, folder, built-in judge",
    example: "demo",
    load: () => import("./demo.ts"),
  },
  {
    name: "emulate",
    summary: "the ComfyUI emulator alone",
    options: [
      { flags: "--port <port>", description: "first port, default 8188" },
      { flags: "--servers <n>", description: "how many, on consecutive ports" },
      { flags: "--exec-ms <ms>", description: "time a prompt takes" },
      { flags: "--comfy <version>", description: "the release it plays: 0.3.64 (default) or 0.33.0" },
      { flags: "--faults <spec>", description: "faults to play, e.g. view-cut:0.1,oom:0.01" },
    ],
    example: "emulate --servers 2 --exec-ms 100",
    serves: true,
    load: () => import("./emulate.ts"),
  },
  {
    name: "prune",
    summary: "remove stored images that no export and no linked row shows; says only what it would, without --yes",
    options: [
      { flags: "--yes", description: "do it" },
      { flags: "--unpaired", description: "also images of prompts that have no row: ties, filtered, not voted on yet" },
      { flags: "--older-than <days>", description: "only what was stored so many days ago" },
      { flags: "--expire", description: "tag them for the bucket's lifecycle rule instead of deleting them" },
      { flags: "--orphans", description: "also objects older than a day that no row of the database stands for" },
      { flags: "--ignore-missing", description: "exported versions that are no longer there need no images" },
    ],
    example: "prune --older-than 30 --yes",
    load: () => import("./prune.ts"),
  },
  {
    name: "lifecycle",
    summary: "show the bucket's lifecycle rules, or set the one for what prune --expire tags",
    options: [
      { flags: "--set <days>", description: "have the bucket delete them so many days after they were written" },
      { flags: "--remove", description: "remove our rule" },
      { flags: "--yes", description: "do it; other rules of the bucket stay" },
    ],
    example: "lifecycle --set 30 --yes",
    load: () => import("./lifecycle.ts"),
  },
  {
    name: "push",
    summary: "bring a version to a dataset repository on the Hugging Face Hub; the token comes from HF_TOKEN",
    args: [{ name: "[version]", description: "default: the newest" }],
    options: [
      { flags: "--repo <owner/name>", description: "the repository; made where there is none" },
      { flags: "--private", description: "make it private; refuses one that is public" },
      { flags: "--branch <name>", description: "default main; made where there is none" },
    ],
    example: "push v1 --repo me/my-preferences --private",
    load: () => import("./push.ts"),
  },
  ...(["worker"] as const).map((name): CommandSpec => ({
    name,
    summary: "comes with a later version",
    example: name,
    later: true,
    load: () => import("./not-yet.ts"),
  })),
];
