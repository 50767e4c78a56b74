import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// Secrets inside a workflow: they reach the server, and nothing that is kept, shown or handed on.

const SECRETS = {
  extraKey: "comfyui-org-key-0a1b2c3d",
  extraToken: "comfy-org-token-4e5f6a7b",
  extraOwn: "meant-for-the-server-9z8y",
  wrapper: "wrapper-password-7f6e5d4c",
  input: "sk-node-input-1234567890abcdef",
  set: "set-by-variable-55aa66bb77",
};
const POLL = { timeout: 20_000, interval: 5 };

let emulator: Emulator;
let project: Project;
afterEach(async () => {
  await emulator.stop();
  project.remove();
});

async function open(faults?: string): Promise<Project> {
  emulator = await startEmulator({ execMs: 20, ...(faults === undefined ? {} : { faults }) });
  project = makeProject({
    servers: [emulator.url],
    config: {
      generate: { max_attempts: 1 },
      harvest: { delete_history: false },
      store: { metadata: "strip" },
      candidates: {
        per_prompt: 3,
        variants: [{ name: "base", set: { width: 64, height: 64, "3.auth_token": "${NODE_TOKEN}" } }],
      },
    },
  });
  const file = join(project.dir, "workflow.json");
  const graph = JSON.parse(readFileSync(file, "utf8")) as Record<string, { class_type: string; inputs: Record<string, unknown> }>; // Its own.
  // ComfyUI passes over inputs that a node does not have.
  for (const node of Object.values(graph)) {
    if (node.class_type === "KSampler") node.inputs["api_key"] = SECRETS.input;
    if (node.class_type === "KSampler") node.inputs["auth_token"] = "";
  }
  const samplerId = Object.keys(graph).find((id) => graph[id]?.class_type === "KSampler");
  const config = readFileSync(project.config, "utf8");
  writeFileSync(project.config, config.replace("3.auth_token", `${samplerId}.auth_token`));
  const wrapped = {
    client_id: "someone",
    prompt: graph,
    extra_data: {
      api_key_comfy_org: SECRETS.extraKey,
      nested: { auth_token_comfy_org: SECRETS.extraToken },
      service: SECRETS.extraOwn,
      extra_pnginfo: { workflow: { version: 1 } },
    },
    extra: { password: SECRETS.wrapper, note: "kept" },
  };
  writeFileSync(file, JSON.stringify(wrapped, null, 2));
  return project;
}
const env = { NODE_TOKEN: SECRETS.set };

/** Which secrets stand in a text, by name. */
const found = (text: string): readonly string[] =>
  Object.entries(SECRETS).flatMap(([name, secret]) => (text.includes(secret) ? [name] : []));

/** Every file below `dir` that holds one, with its name. */
function leaks(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const path = join(entry.parentPath, entry.name);
      const names = found(readFileSync(path).toString("latin1"));
      return names.length === 0 ? [] : [`${path}: ${names.join(", ")}`];
    });
}

const said = async (args: readonly string[]): Promise<{ readonly exit: number | null; readonly text: string }> => {
  const { exit, stdout, stderr } = await runCli(args, { env });
  return { exit, text: stdout + stderr };
};

describe("secrets of a workflow", () => {
  it("reach the server, and neither database, write-ahead log, exports, events nor words", async () => {
    const made = await open();
    const { config, runs } = made;
    const checked = await said(["check", "-c", config, "--canary"]);
    expect(checked.text).toMatch(/^warn {2}secrets +workflow \S+: \S+\.api_key, \S+\.auth_token look like secrets/m);
    expect(found(checked.text)).toEqual([]);

    // Killed: the write-ahead log stays.
    const killed = startCli(["run", "-c", config, "--log-level", "debug"], { env });
    await expect.poll(() => made.count("select count(*) from jobs where state <> 'planned'"), POLL).toBeGreaterThan(2);
    expect(leaks(runs)).toEqual([]);
    killed.child.kill("SIGKILL");
    const cut = await killed.result;
    expect(found(cut.stdout + cut.stderr)).toEqual([]);
    expect(leaks(runs)).toEqual([]);

    for (const args of [
      ["run", "--json", "--log-level", "debug"],
      ["status"],
      ["report"],
      ["export", "--as", "again"],
      ["generate", "--dry-run"],
    ]) {
      const { exit, text } = await said([...args, "-c", config]);
      expect(exit, text).toBe(0);
      expect(found(text)).toEqual([]);
    }
    expect(leaks(runs)).toEqual([]);

    const history = JSON.stringify(await (await fetch(`${emulator.url}/history`)).json());
    // ComfyUI itself takes api_key_comfy_org out of what its history shows.
    expect(found(history)).toEqual(["extraToken", "extraOwn", "input", "set"]);
  });

  it("stay out of the errors of servers that repeat them", async () => {
    const { config, runs } = await open("reject:1:always");
    const { exit, text } = await said(["run", "-c", config, "--log-level", "debug"]);
    expect(exit, text).toBe(3);
    expect(found(text)).toEqual([]);
    expect(leaks(runs)).toEqual([]);
  });

  it("stay out of what is said of a changed or broken workflow", async () => {
    const made = await open();
    expect((await said(["run", "-c", made.config, "--prompts", "1"])).exit).toBe(0);
    const file = join(made.dir, "workflow.json");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace(SECRETS.input, "sk-another-key-abcdef0123456789"));
    const changed = await said(["run", "-c", made.config]);
    expect(changed.exit).toBe(2);
    expect(changed.text).toContain(".api_key, a secret");
    expect(changed.text).not.toContain("sk-another-key");
    writeFileSync(file, before.replace('"api_key":', '"api_key"'));
    const broken = await said(["run", "-c", made.config]);
    expect(broken.exit).toBe(2);
    expect(broken.text).toMatch(/no JSON at line \d+/);
    expect(broken.text).not.toContain("sk-node");
  });

  it("init leaves those of a server's prompt out of the workflow that it writes, and says so", async () => {
    const made = await open();
    expect((await said(["run", "-c", made.config, "--prompts", "1"])).exit).toBe(0);
    const folder = join(made.dir, "new");
    mkdirSync(folder);
    const out = join(folder, "mine.yaml");
    const { exit, text } = await said(["init", "--server", emulator.url, "--out", out]);
    expect(exit, text).toBe(0);
    expect(text).toMatch(/Left empty in .*mine\.json: \S+\.api_key/);
    expect(found(text)).toEqual([]);
    expect(leaks(folder)).toEqual([]);
  });
});
