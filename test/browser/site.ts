import { startEmulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli, type RunningCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "../e2e/project.ts";
import { findFreePorts } from "../helpers/free-ports.ts";

export interface SiteOptions {
  /** The lines of the prompts file. With `adopt`, the adopted prompts count. */
  readonly prompts: readonly string[];
  readonly perPrompt: number;
  /** Writes images into the folder instead of generating them, and returns the JSONL that names them. */
  readonly adopt?: (dir: string) => Promise<string>;
  /** The section `annotate.people`; the port is added. */
  readonly people?: Readonly<Record<string, unknown>>;
  readonly annotate?: Readonly<Record<string, unknown>>;
  /** More sections of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A dataset with generated, harvested and inspected images, and the server of its annotation page. */
export interface Site extends AsyncDisposable {
  readonly project: Project;
  /** Writes the section `annotate.people` again, for the next `serve`. */
  ask(people: Readonly<Record<string, unknown>>): void;
  /** Starts `annotate serve`, on the same port each time, and returns the lead's link. */
  serve(): Promise<string>;
  /** Kills the server, as a power cut would. */
  kill(): Promise<void>;
  /** Returns a personal link from `annotate invite`. */
  invite(name: string): Promise<string>;
  /** Runs another command. The test fails if it does. */
  succeed(...args: readonly string[]): Promise<void>;
}

const LINK = /https?:\/\/[^\s"\\]+\/join\/[^\s"\\]+/;

export async function openSite({ prompts, perPrompt, adopt, people = {}, annotate = {}, config = {} }: SiteOptions): Promise<Site> {
  const emulator = await startEmulator();
  const [port] = await findFreePorts(1);
  // No repeats: the tests count votes.
  const annotateWith = (asked: Readonly<Record<string, unknown>>) => ({
    filters: { near_duplicate: 0 },
    ...annotate,
    people: { repeat_rate: 0, ...asked, port },
  });
  const project = makeProject({
    servers: [emulator.url],
    prompts,
    config: {
      candidates: { per_prompt: perPrompt, variants: [{ name: "base", set: { width: 64, height: 64 } }] },
      ...config,
      annotate: annotateWith(people),
    },
  });
  let server: RunningCli | undefined;
  const cli = async (...args: readonly string[]): Promise<string> => {
    const { exit, stdout, stderr } = await runCli([...args, "-c", project.config]);
    if (exit !== 0) throw new Error(`${args.join(" ")} ended with ${exit}: ${stderr}`);
    return stdout + stderr;
  };
  const kill = async (): Promise<void> => {
    server?.child.kill("SIGKILL");
    await server?.result;
    server = undefined;
  };
  const site: Site = {
    project,
    ask: (changed) => project.configure({ annotate: annotateWith(changed) }),
    kill,
    serve: () => {
      server = startCli(["annotate", "serve", "-c", project.config]);
      return firstLink(server);
    },
    invite: async (name) => linkIn(await cli("annotate", "invite", name)),
    succeed: async (...args) => void (await cli(...args)),
    async [Symbol.asyncDispose]() {
      await kill();
      project.remove();
    },
  };
  if (adopt === undefined) await cli("run");
  else {
    await cli("harvest", "--adopt", await adopt(project.dir));
    await cli("judge");
  }
  await emulator.stop();
  return site;
}

function linkIn(text: string): string {
  const link = LINK.exec(text)?.[0];
  if (link === undefined) throw new Error(`no link in: ${text}`);
  return link;
}

/** Resolves with the link that a starting server prints. Rejects with its output if it ends instead. */
function firstLink(server: RunningCli): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (LINK.test(server.output())) resolve(linkIn(server.output()));
    };
    server.child.stdout?.on("data", look);
    server.child.stderr?.on("data", look);
    server.child.on("close", (exit) => reject(new Error(`annotate serve ended with ${exit}: ${server.output()}`)));
  });
}
