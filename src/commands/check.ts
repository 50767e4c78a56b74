import { randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { graphProblems } from "../comfy/graph-problems.ts";
import type { ComfyClient } from "../comfy/client.ts";
import { parseObjectInfo } from "../comfy/object-info.ts";
import { loadConfig } from "../config/load-config.ts";
import type { Config } from "../config/schema.ts";
import { ConfigError, EXIT, messageOf } from "../errors.ts";
import { configFileOf } from "../open-context.ts";
import { readPrompts } from "../prompts/read-prompts.ts";
import { candidatesPerPrompt } from "../stages/plan.ts";
import { seedRuleOf } from "../stages/plan-dataset.ts";
import { prepareVariants, type ReadyToPlan } from "../stages/prepare-variants.ts";
import type { ObjectStore } from "../stores/object-store.ts";
import type { CommandInput, CommandResult } from "./command.ts";

/** What a 1024 px PNG of ComfyUI takes, for the estimate. Measured: 2.87 MB for a detailed 1024² picture. */
const ASSUMED_BYTES_PER_PIXEL = 2.7;
const DEFAULT_SIDE_PX = 512;

interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly text: string;
}

/** The doctor: looks at everything that a night depends on, and changes nothing. */
export async function run(input: CommandInput): Promise<CommandResult> {
  if (input.options["canary"] === true) throw new ConfigError("Cannot run a canary yet: --canary comes with a later version");
  const config = loadConfig(configFileOf(input), { env: input.env });
  const variants = await prepareVariants(config);
  const findings: Finding[] = [
    { what: "config", ok: true, text: config.configFile },
    await countCandidates(config, { variants, input }),
    ...sizesThatNeverPair(variants),
    ...(await Promise.all(config.servers.map((server) => checkServer(server, { variants, input })))).flat(),
    await checkStore(config, input),
    await checkDisk(config),
  ];
  const width = Math.max(...findings.map((finding) => finding.what.length));
  for (const { what, ok, text } of findings) input.print(`${ok ? "ok  " : "FAIL"}  ${what.padEnd(width)}  ${text}`);
  const failed = findings.filter((finding) => !finding.ok).length;
  return { exit: failed > 0 ? EXIT.cannotGoOn : EXIT.done, counts: { checks: findings.length, failed } };
}

interface Checked {
  readonly variants: readonly ReadyToPlan[];
  readonly input: Pick<CommandInput, "log" | "signal">;
}

async function countCandidates(config: Config, { variants, input }: Checked): Promise<Finding> {
  const keys = new Set<string>();
  for await (const row of readPrompts(config.prompts, { warn: (message) => input.log.warn(message) }).rows()) keys.add(row.promptKey);
  const each = candidatesPerPrompt(variants, seedRuleOf(config));
  const bytes =
    keys.size * variants.reduce((sum, variant) => sum + (each / variants.length) * pixelsOf(variant), 0) * ASSUMED_BYTES_PER_PIXEL;
  return {
    what: "plan",
    ok: true,
    text: `${keys.size} prompts × ${each} = ${keys.size * each} candidates, about ${(bytes / 1e9).toFixed(1)} GB as PNG`,
  };
}

function sideOf(variant: ReadyToPlan, name: "width" | "height"): number {
  const value = variant.params[name] ?? Object.values(variant.graph).find((node) => typeof node.inputs[name] === "number")?.inputs[name];
  return typeof value === "number" ? value : DEFAULT_SIDE_PX;
}

const pixelsOf = (variant: ReadyToPlan): number => sideOf(variant, "width") * sideOf(variant, "height");

/** Chosen and rejected have to be of one size: variants of different sizes are never paired with each other. */
function sizesThatNeverPair(variants: readonly ReadyToPlan[]): readonly Finding[] {
  const sizes = Map.groupBy(variants, (variant) => `${sideOf(variant, "width")}×${sideOf(variant, "height")}`);
  if (sizes.size < 2) return [];
  const text = [...sizes].map(([size, group]) => `${size}: ${group.map((variant) => variant.variant).join(", ")}`).join("; ");
  return [{ what: "sizes", ok: true, text: `variants of different sizes never make a pair: ${text}` }];
}

async function checkServer(server: Config["servers"][number], { variants, input }: Checked): Promise<readonly Finding[]> {
  const { comfyClient } = await import("../comfy/client.ts");
  const client = comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file });
  try {
    const [stats, remaining] = await Promise.all([client.systemStats(input.signal), client.queueRemaining(input.signal)]);
    const vram = stats.devices.map(
      (device) => `${device.name} ${(device.vramFreeBytes / 1e9).toFixed(1)} of ${(device.vramTotalBytes / 1e9).toFixed(1)} GB free`,
    );
    const findings = [{ what: client.url, ok: true, text: `ComfyUI ${stats.version}, ${remaining} in queue, ${vram.join(", ")}` }];
    for (const variant of variants) findings.push(await checkWorkflow(client, variant, input.signal));
    return findings;
  } catch (error) {
    return [{ what: client.url, ok: false, text: messageOf(error) }];
  } finally {
    await client.close();
  }
}

async function checkWorkflow(client: ComfyClient, { variant, graph, bound }: ReadyToPlan, signal: AbortSignal): Promise<Finding> {
  const classes = [...new Set(Object.values(graph).map((node) => node.class_type))];
  const answers = await Promise.all(classes.map((name) => client.objectInfo(name, signal)));
  const objectInfo = parseObjectInfo(Object.assign({}, ...answers) as (typeof answers)[number]); // One object per class, merged.
  const filledLater = [...Object.values(bound.bindings).flat(), ...bound.outputs.map((nodeId) => ({ nodeId, input: "filename_prefix" }))];
  const problems = graphProblems(graph, { objectInfo, outputs: bound.outputs, filledLater });
  return {
    what: client.url,
    ok: problems.length === 0,
    text: `variant ${variant}: ${problems.map((problem) => problem.message).join("; ") || "runs here"}`,
  };
}

async function checkStore(config: Config, input: Pick<CommandInput, "signal">): Promise<Finding> {
  const { openStore } = await import("../stores/registry.ts");
  let store: ObjectStore | null = null;
  try {
    store = await openStore(config.store, { concurrency: 1 });
    const key = `.comfy-dpo-check-${randomBytes(8).toString("hex")}`;
    const probe = Buffer.from("comfy-dpo check");
    await store.put(key, probe, probe.length, { contentType: "text/plain", signal: input.signal });
    const read = await store.head(key, input.signal);
    await store.delete(key, input.signal);
    return { what: "store", ok: read?.sizeBytes === probe.length, text: `${store.uri}: written, read and deleted a probe` };
  } catch (error) {
    return { what: "store", ok: false, text: messageOf(error) };
  } finally {
    await store?.close();
  }
}

async function checkDisk(config: Config): Promise<Finding> {
  for (let folder = config.dir; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder);
      return { what: "disk", ok: true, text: `${((bavail * bsize) / 1e9).toFixed(1)} GB free at ${config.dir}` };
    } catch (error) {
      if (folder === dirname(folder)) return { what: "disk", ok: false, text: messageOf(error) };
      // The folder is not made yet: its parent is on the same disk, most likely.
    }
  }
}
