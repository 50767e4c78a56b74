import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// What goes wrong on any machine is no bug of ours: it is told in a person's words, with the exit code of its kind.

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const open = (): Project => (project = makeProject({ servers: [emulator.url] }));

interface Case {
  readonly name: string;
  readonly arrange?: (made: Project) => void;
  readonly args: (made: Project) => readonly string[];
  readonly exit: number;
  readonly says: RegExp;
}

const notADatabase = (made: Project): void => {
  mkdirSync(made.runs, { recursive: true });
  writeFileSync(join(made.runs, "pipeline.db"), "this is no database, and long enough to be taken for a page of one ".repeat(100));
};
const emptyFile = (made: Project, name: string): string => {
  writeFileSync(join(made.dir, name), "");
  return join(made.dir, name);
};

const CASES: readonly Case[] = [
  {
    name: "a port that is in use",
    args: () => ["emulate", "--servers", "2", "--port", String(emulator.port - 1)],
    exit: 1,
    says: /Cannot listen on 127\.0\.0\.1:\d+: another program uses this port\nTry: --port/,
  },
  { name: "a port that cannot be", args: () => ["emulate", "--port", "70000"], exit: 2, says: /--port 70000.*to 65535/ },
  { name: "no servers to emulate", args: () => ["emulate", "--servers", "0"], exit: 2, says: /--servers 0.*from 1/ },
  { name: "init from an empty file", args: (made) => ["init", emptyFile(made, "empty.json")], exit: 2, says: /empty\.json: it is empty/ },
  { name: "init from no file", args: (made) => ["init", join(made.dir, "no.json")], exit: 2, says: /no\.json: there is no such file/ },
  { name: "init from a folder", args: (made) => ["init", made.dir], exit: 2, says: /it is a folder/ },
  {
    name: "init from a broken image",
    arrange: (made) => writeFileSync(join(made.dir, "broken.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47])),
    args: (made) => ["init", join(made.dir, "broken.png")],
    exit: 2,
    says: /it has no text chunk/,
  },
  { name: "init from a URL that is none", args: () => ["init", "--server", "nonsense"], exit: 2, says: /http:\/\// },
  {
    name: "init with prompts that are not there",
    args: (made) => ["init", join(made.dir, "workflow.json"), "--prompts-file", "nope.txt", "--out", join(made.dir, "new.yaml")],
    exit: 2,
    says: /nope\.txt: there is no such file/,
  },
  {
    name: "init from a wrong file, though the output exists",
    args: (made) => ["init", join(made.dir, "prompts.txt"), "--out", made.config],
    exit: 2,
    says: /prompts\.txt/,
  },
  { name: "a database that is none, written", arrange: notADatabase, args: () => ["run"], exit: 1, says: /not an SQLite database[^]*Try:/ },
  { name: "a database that is none, read", arrange: notADatabase, args: () => ["status"], exit: 1, says: /not an SQLite database[^]*Try:/ },
  {
    name: "a folder in the place of the database",
    arrange: (made) => mkdirSync(join(made.runs, "pipeline.db"), { recursive: true }),
    args: () => ["status"],
    exit: 1,
    says: /Cannot open the database/,
  },
  {
    name: "a file in the place of the folder for the database",
    arrange: (made) => writeFileSync(made.runs, "in the way"),
    args: () => ["run"],
    exit: 1,
    says: /file/,
  },
  {
    // The system says ENOENT there although the parent exists: Node's recursive mkdir tried for ever.
    name: "a folder that nobody can make",
    arrange: (made) => made.configure({ dir: "/proc/foo" }),
    args: () => ["generate"],
    exit: 1,
    says: /Cannot make the folder \/proc\/foo[^]*Try: `dir`/,
  },
  { name: "an export under a path", args: () => ["export", "--as", "../x"], exit: 2, says: /Cannot name a version "\.\.\/x"/ },
];

describe("is no bug:", () => {
  it.each(CASES)("$name", async ({ arrange, args, exit, says }) => {
    const made = open();
    arrange?.(made);
    const result = await runCli([...args(made), "-c", made.config], { cwd: made.dir });
    expect(result.exit, result.stderr).toBe(exit);
    expect(result.stderr).toMatch(says);
    expect(result.stderr).toMatch(/^Error: /m);
    expect(result.stderr).not.toContain("bug");
  });

  it("a report into a folder that is not there, or onto one", async () => {
    const made = open();
    await runCli(["generate", "-c", made.config]);
    const out = join(made.dir, "new/folder/report.html");
    const { exit, stderr } = await runCli(["report", "--out", out, "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(readFileSync(out, "utf8")).toContain("No prompt is linked yet");
    const onto = await runCli(["report", "--out", made.dir, "-c", made.config]);
    expect(onto.exit, onto.stderr).toBe(2);
    const retry = await runCli(["retry", "--id", "i_zzz", "-c", made.config]);
    expect(retry.exit, retry.stderr).toBe(2);
    expect(retry.stderr).toContain("no job or image of this dataset has this id");
  });

  it("a stage on a dataset that nobody has planned: it changes nothing and says what comes first", async () => {
    const made = open();
    const votes = emptyFile(made, "votes.jsonl");
    for (const args of [["harvest"], ["judge"], ["link"], ["annotate"], ["export"], ["annotate", "import", votes]]) {
      const { exit, stderr } = await runCli([...args, "-c", made.config]);
      expect(exit, `${args.join(" ")}: ${stderr}`).toBe(1);
      expect(stderr).toContain(`Try: pnpm pipeline run -c ${made.config}`);
      expect(made.started(), args.join(" ")).toBe(false);
    }
  });

  it("a name for a version that cannot be: nothing is linked for it", async () => {
    const made = open();
    for (const stage of ["generate", "harvest", "judge"]) await runCli([stage, "-c", made.config]);
    expect((await runCli(["export", "--as", "../x", "-c", made.config])).exit).toBe(2);
    const db = new Database(join(made.runs, "pipeline.db"), { readonly: true });
    expect(db.prepare("select count(*) from preferences").pluck().get()).toBe(0);
    db.close();
  });
});

describe("a disk that fills up under the database", () => {
  it("ends the run with exit 1 and what to do; with room again the same command finishes it", async () => {
    const prompts = Array.from({ length: 60 }, (_, index) => `prompt ${index}`);
    project = makeProject({ servers: [emulator.url], prompts });
    const { exit, stderr } = await runCli(["generate", "-c", project.config], { fileMaxKb: 600 });
    expect(exit, stderr).toBe(1);
    expect(stderr).toMatch(/the database cannot be read or written: .*\nTry: fix this on this machine/);
    expect(stderr).not.toContain("bug in comfy-dpo");
    expect((await runCli(["status", "-c", project.config], { fileMaxKb: 64 })).exit).toBe(0);
    const again = await runCli(["generate", "-c", project.config, "--json"]);
    expect(again.exit, again.stderr).toBe(0);
    expect(project.count("select count(*) from jobs where state = 'done'")).toBe(180);
  });
});
