import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { serveText } from "../../comfy/client/replay-server.ts";
import { startPrefixProxy } from "../../helpers/stand-ins/prefix-proxy.ts";
import { runCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// What may stand in servers[].url, and what is told of what may not.

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator({ execMs: 50 });
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

describe("a path prefix", () => {
  it("is kept in every request, the WebSocket's too", async () => {
    await using proxy = await startPrefixProxy(emulator.url, "/gpu/1/comfy");
    project = makeProject({ servers: [`${proxy.url}/`] });
    const { exit, stderr, events } = await runCli(["run", "--json", "-c", project.config]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: 12, stored: 12, rows: 4 });
    expect(proxy.webSockets).toBeGreaterThan(0);
    expect(proxy.strays).toEqual([]);
    expect(project.column("select distinct server from image_index")).toEqual([proxy.url]);
    const checked = await runCli(["check", "-c", project.config]);
    expect(checked.exit, checked.stdout).toBe(0);
  });
});

describe("what is no ComfyUI", () => {
  it("by its host is refused before anything is written", async () => {
    project = makeProject({ servers: ["https://api.runpod.ai/v2/abcdef"] });
    const { exit, stderr } = await runCli(["generate", "-c", project.config]);
    expect(exit, stderr).toBe(2);
    expect(stderr).toMatch(/servers\[0\]\.url is RunPod's serverless API; .*ComfyUI's own API.*also under a path: .*proxy\.runpod\.net/);
    expect(project.started()).toBe(false);
  });

  it("by its answer is refused at the first contact, at once, and named by check", async () => {
    await using wrapper = await serveText(404, '{"message":"Route GET:/system_stats not found","error":"Not Found","statusCode":404}');
    project = makeProject({ servers: [wrapper.url] });
    const { exit, stderr } = await runCli(["generate", "-c", project.config]);
    expect(exit, stderr).toBe(1);
    expect(stderr).toContain(`Cannot use ${wrapper.url} as a ComfyUI server`);
    expect(stderr).toMatch(/comfyui-api[^]*Try: give the address of the ComfyUI behind it/);
    const checked = await runCli(["check", "-c", project.config]);
    expect(checked.exit).toBe(1);
    expect(checked.stdout).toMatch(/FAIL .*comfyui-api/);
  });

  it("beside a real server is left out, and the real one does the work", async () => {
    await using wrapper = await serveText(404, '{"detail":"Not Found"}');
    project = makeProject({ servers: [wrapper.url, emulator.url] });
    const { exit, stderr } = await runCli(["generate", "-c", project.config]);
    expect(exit, stderr).toBe(0);
    expect(stderr).toMatch(new RegExp(`Cannot use ${wrapper.url} as a ComfyUI server: .*Going on without ${wrapper.url}\nTry: give the`));
    expect(project.column("select distinct server from jobs where state = 'done'")).toEqual([emulator.url]);
  });
});
