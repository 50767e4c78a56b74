import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.ts";
import { runCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// Does every server make the same image? Asked before a night is spent on three that do not.

let emulators: readonly Emulator[] = [];
let project: Project;
afterEach(async () => {
  await Promise.all(emulators.map((emulator) => emulator.stop()));
  project.remove();
});

async function open(servers: readonly EmulatorOptions[], config: Readonly<Record<string, unknown>> = {}): Promise<Project> {
  emulators = await Promise.all(servers.map((options) => startEmulator(options)));
  return (project = makeProject({ servers: emulators.map(({ url }) => url), config }));
}
const historyOf = async ({ url }: Emulator): Promise<unknown> => (await fetch(`${url}/history`)).json();

const VARIANTS = [
  { name: "base", set: { width: 64, height: 64 } },
  { name: "wide", set: { width: 128, height: 64 } },
];

describe("check --canary", () => {
  it("names the one of three servers whose image is another, by variant, and leaves nothing behind", async () => {
    const made = await open([{}, { faults: "paint-off:1:always" }, { promptIds: "own" }], { candidates: { variants: VARIANTS } });
    const { exit, stdout, stderr } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit, stdout + stderr).toBe(1);
    for (const variant of ["base", "wide"]) {
      const line = new RegExp(
        `^FAIL +canary ${variant} +far from the image of the other 2 servers \\(equal pixels\\): ${emulators[1]!.url} \\(\\d+ of 64 bits\\)`,
        "m",
      );
      expect(stdout).toMatch(line);
    }
    expect(stdout.match(/^FAIL/gm)).toHaveLength(2);
    expect(made.started(), "no database, no store").toBe(false);
    for (const emulator of emulators) {
      expect(emulator.stats.submitted).toBe(2);
      expect(await historyOf(emulator)).toEqual({});
    }
  });

  it("is content where all agree, and tells a script each distance", async () => {
    const made = await open([{}, {}], { candidates: { seeds: [5, 6] } });
    const { exit, stdout, stderr, events } = await runCli(["check", "--canary", "--json", "-c", made.config]);
    expect(exit, stdout + stderr).toBe(0);
    const [a, b] = emulators.map(({ url }) => url);
    expect(events).toContainEqual({ event: "canary_distance", variant: "base", servers: [a, b], bits: 0, same_pixels: true });
    expect(events.filter(({ event }) => event === "canary")).toHaveLength(2);
    expect(events).toContainEqual({
      event: "finding",
      what: "canary base",
      ok: true,
      warning: false,
      text: "2 servers make the same image: equal pixels",
    });
    expect(events).toContainEqual({
      event: "finding",
      what: "canary base",
      ok: true,
      warning: false,
      text: "harvest would store png 512×512, proven by the prompt embedded in it",
    });
    expect(stdout.split("\n").every((line) => line === "" || line.startsWith('{"event":'))).toBe(true);
  });

  it("reports a server's errors in its own words, and compares the rest", async () => {
    const made = await open([{ faults: "execution-error:1:always" }, { faults: "reject:1:always" }, { faults: "view-flip:1:always" }, {}]);
    const { exit, stdout } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit).toBe(1);
    const [broken, refusing, corrupt] = emulators.map(({ url }) => url);
    expect(stdout).toMatch(new RegExp(`^FAIL +${broken} +canary of variant base: node \\d+ \\(\\w+\\): RuntimeError: mat1 and mat2`, "m"));
    expect(stdout).toMatch(new RegExp(`^FAIL +${refusing} +canary of variant base: .*Value not in list: ckpt_name`, "m"));
    expect(stdout).toMatch(new RegExp(`^FAIL +${corrupt} +canary of variant base: `, "m"));
    expect(stdout).toMatch(/^ok +canary base +one server made the image/m);
  });

  it.each([
    ["hostile-name", "hostile-name"],
    ["view-html", "not-an-image"],
    ["view-flip", "corrupt"],
    ["view-short", "truncated"],
    ["view-404", "lost-file"],
  ])("refuses an image as harvest would: %s", async (fault, reason) => {
    const made = await open([{ faults: `${fault}:1:always` }]);
    const { exit, stdout } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit, stdout).toBe(1);
    const line = new RegExp(`^FAIL +${emulators[0]!.url} +canary of variant base: harvest would reject the image \\(${reason}\\): `, "m");
    expect(stdout).toMatch(line);
  });

  it("fetches an image again that comes damaged once, and strips it where the store is to be stripped", async () => {
    const made = await open([{ faults: "view-cut:1" }], { store: { metadata: "strip" } });
    const { exit, stdout } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit, stdout).toBe(0);
    expect(stdout).toMatch(/^ok +canary base +harvest would store png 64×64, proven by the prompt embedded in it/m);
  });

  it("warns of servers whose images say nothing of their job", async () => {
    const made = await open([{ disableMetadata: true }]);
    const { exit, stdout } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit, stdout).toBe(0);
    expect(stdout).toMatch(new RegExp(`^warn +canary base .*nothing in the image of ${emulators[0]!.url} says which job`, "m"));
  });

  it("names the server that it waits for, and how many prompts are ahead, in words and in time", async () => {
    const made = await open([{ faults: "stall:1:always" }, {}], { generate: { stall_timeout_s: 2 } });
    const [stuck] = emulators;
    const graph = { 1: { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: 1, color: 0 } } };
    const save = { 2: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "others" } } };
    for (let times = 0; times < 4; times++)
      await fetch(`${stuck!.url}/prompt`, { method: "POST", body: JSON.stringify({ prompt: { ...graph, ...save } }) });
    const { exit, stdout, stderr } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit).toBe(1);
    expect(stderr).toContain(`The canary waits at ${stuck!.url}: 4 prompts ahead in its queue`);
    expect(stdout).toMatch(
      new RegExp(
        `^FAIL .*canary of variant base: Cannot run a prompt on ${stuck!.url}: 4 prompts before it, and none of them ended within 2 s`,
        "m",
      ),
    );
    expect(stdout).toMatch(/^ok +canary base +one server made the image/m);
  });

  it("waits no longer than generate.stall_timeout_s, and takes its prompt back", async () => {
    const made = await open([{ faults: "stall:1:always" }, {}], { generate: { stall_timeout_s: 1 } });
    const { exit, stdout } = await runCli(["check", "--canary", "-c", made.config]);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^FAIL .*canary of variant base: Cannot run a prompt on \S+ within 1 s: it runs\. Try: /m);
  });
});
