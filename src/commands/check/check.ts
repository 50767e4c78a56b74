import { serverEpoch, type ServerEpoch } from "../../comfy/client/server-epoch.ts";
import { readServerClasses, type ServerClasses } from "../../comfy/client/server-classes.ts";
import { loadConfig } from "../../config/load-config.ts";
import { refuseUnfedPolicies } from "../../config/checks/refuse-unfed-policies.ts";
import type { Config } from "../../config/schema.ts";
import { EXIT } from "../../errors.ts";
import { byteSize, counted } from "../../lib/words.ts";
import { type PromptRow, readPrompts } from "../../prompts/read-prompts.ts";
import type { ReferenceFile } from "../../prompts/reference-files.ts";
import { exportStoreUri } from "../../stages/export/export.ts";
import { candidatesPerPrompt, seedRuleOf } from "../../stages/plan/plan.ts";
import { prepareVariants, type ReadyToPlan } from "../../stages/plan/prepare-variants.ts";
import { describeConstants, describePairs, describeSecrets } from "./describe-config.ts";
import { rowlessNight } from "./rowless-nights.ts";
import { perJobNames } from "../../stages/plan/variants.ts";
import { checkDisks } from "./disks.ts";
import { compareVersions } from "./compare-versions.ts";
import { checkUploadSizes, checkWorkflow } from "./check-workflow.ts";
import { failedFinding, type Finding } from "./finding.ts";
import { probeJudges } from "./probe-judges.ts";
import { probeExport, probeStore } from "./probe-store.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { type ReferenceTotals, describeReferences, sumReferences } from "../describe-references.ts";
import { openReferences } from "../../stages/plan/references.ts";
import { askServers } from "../../stages/plan/check-plan.ts";
import { unfitCells } from "../../stages/plan/refuse-values.ts";

/** Bytes of a pixel in a PNG, for the estimate. Measured: 2.87 MB for a detailed image of 1024² pixels. */
const ASSUMED_BYTES_PER_PIXEL = 2.7;
const DEFAULT_SIDE_PX = 512;

/** The doctor: looks at everything that a night depends on, and changes nothing here; --canary has every server make one image. */
export async function run(input: InputOf<"check">): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  refuseUnfedPolicies(config, { asking: false });
  const asked = await askServers(config, input.signal);
  const variants = await prepareVariants(config, { servers: asked });
  const plan = await countCandidates(config, { variants, input, asked });
  const seen = await Promise.all(config.servers.map((server) => checkServer(server, { config, variants, input, files: plan.files })));
  const servers = seen.map(({ findings: each }) => each);
  const findings: Finding[] = [
    { what: "config", ok: true, text: config.configFile },
    { what: "plan", ok: true, text: `${plan.text}, about ${byteSize(plan.bytes)} as PNG` },
    ...(plan.references.files === 0 ? [] : [{ what: "references", ok: true, text: describeReferences(plan.references) }]),
    ...sizesThatNeverPair(variants),
    ...rowlessNight({ config, variants, seeds: plan.each / variants.length, perJob: perJobNames(config.prompts) }),
    ...describeConstants(variants, perJobNames(config.prompts)),
    ...describeSecrets(config, variants),
    ...servers.flat(),
    ...compareVersions(
      config,
      seen.flatMap(({ url, epoch }) => (epoch === null ? [] : [{ url, epoch }])),
    ),
    ...(input.options.canary ? await canary(config, { variants, input, prompt: plan.first, files: plan.files, servers }) : []),
    ...(await probeStore(config, input)),
    ...(await probeExport({ ...config.store, uri: exportStoreUri(config.export.uri) }, input)),
    ...(await checkDisks(config, { images: plan.bytes, references: plan.references.bytes }, input.signal)),
    ...(await probeJudges(config, { candidates: plan.each, signal: input.signal })),
    describePairs(config),
  ];
  const width = Math.max(...findings.map((finding) => finding.what.length));
  for (const { what, ok, text, warning = false } of findings)
    input.show({ event: "finding", what, ok, warning, text }, `${formatMark({ ok, warning })}  ${what.padEnd(width)}  ${text}`);
  const failed = findings.filter((finding) => !finding.ok).length;
  return { exit: failed > 0 ? EXIT.cannotGoOn : EXIT.done, counts: { checks: findings.length, failed } };
}

function formatMark({ ok, warning }: { readonly ok: boolean; readonly warning: boolean }): string {
  if (!ok) return "FAIL";
  return warning ? "warn" : "ok  ";
}

interface Checked {
  readonly variants: readonly ReadyToPlan[];
  readonly input: InputOf<"check">;
}

interface CandidateCount {
  readonly text: string;
  readonly bytes: number;
  /** Candidates of a prompt. */
  readonly each: number;
  readonly first: PromptRow | undefined;
  readonly files: readonly ReferenceFile[];
  readonly references: ReferenceTotals;
}

async function countCandidates(
  config: Config,
  { variants, input, asked }: Checked & { readonly asked: readonly ServerClasses[] },
): Promise<CandidateCount> {
  const keys = new Set<string>();
  let first: PromptRow | undefined;
  const references = openReferences(config);
  const options = { warn: (message: string) => input.log.warn(message), references, notesOf: unfitCells(variants, asked) };
  for await (const row of readPrompts(config.prompts, options).rows()) {
    first ??= row;
    keys.add(row.promptKey);
  }
  const each = candidatesPerPrompt(variants, seedRuleOf(config));
  const bytes =
    keys.size * variants.reduce((sum, variant) => sum + (each / variants.length) * pixelsOf(variant), 0) * ASSUMED_BYTES_PER_PIXEL;
  const text = `${counted(keys.size, "prompt")} × ${each} = ${counted(keys.size * each, "candidate")}`;
  const files = [...references.files()];
  return { text, bytes, each, first, files, references: sumReferences(files) };
}

function sideOf(variant: ReadyToPlan, name: "width" | "height"): number {
  const value = variant.params[name] ?? Object.values(variant.graph).find((node) => typeof node.inputs[name] === "number")?.inputs[name];
  return typeof value === "number" ? value : DEFAULT_SIDE_PX;
}

const sizeOf = (variant: ReadyToPlan): string => `${sideOf(variant, "width")}×${sideOf(variant, "height")}`;

const pixelsOf = (variant: ReadyToPlan): number => sideOf(variant, "width") * sideOf(variant, "height");

/** Chosen and rejected have to be of one size: variants of different sizes are never paired with each other. */
function sizesThatNeverPair(variants: readonly ReadyToPlan[]): readonly Finding[] {
  const sizes = Map.groupBy(variants, sizeOf);
  if (sizes.size < 2) return [];
  const text = [...sizes].map(([size, group]) => `${size}: ${group.map((variant) => variant.variant).join(", ")}`).join("; ");
  return [{ what: "sizes", ok: true, text: `variants of different sizes never make a pair: ${text}` }];
}

interface CheckedServer {
  readonly url: string;
  readonly findings: readonly Finding[];
  /** Null where it does not answer. */
  readonly epoch: ServerEpoch | null;
}

async function checkServer(
  server: Config["servers"][number],
  { config, variants, input, files }: Checked & { readonly config: Config; readonly files: readonly ReferenceFile[] },
): Promise<CheckedServer> {
  const { comfyClient } = await import("../../comfy/client/client.ts");
  const client = comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file });
  try {
    const [stats, remaining] = await Promise.all([client.systemStats(input.signal), client.queueRemaining(input.signal)]);
    const vram = stats.devices.map(
      (device) => `${device.name} ${(device.vramFreeBytes / 1e9).toFixed(1)} of ${(device.vramTotalBytes / 1e9).toFixed(1)} GB free`,
    );
    const findings: Finding[] = [
      { what: client.url, ok: true, text: `ComfyUI ${stats.version}, ${remaining} in queue, ${vram.join(", ")}` },
    ];
    const classes = variants.flatMap(({ graph }) => Object.values(graph).map((node) => node.class_type));
    const said = await readServerClasses(client, classes, input.signal);
    for (const variant of variants) findings.push(checkWorkflow(variant, seedRuleOf(config), said));
    if (files.length > 0) findings.push(...checkUploadSizes(client.url, { files, maxBytes: await client.maxUploadBytes(input.signal) }));
    return { url: client.url, findings, epoch: serverEpoch(stats) };
  } catch (error) {
    return { url: client.url, findings: [failedFinding(client.url, error)], epoch: null };
  } finally {
    await client.close();
  }
}

interface CanaryChecked extends Checked {
  readonly prompt: PromptRow | undefined;
  /** The reference images of all prompts. */
  readonly files: readonly ReferenceFile[];
  /** The findings of each server, in the configuration's order. */
  readonly servers: readonly (readonly Finding[])[];
}

/** On the servers that answer: the others are named already. */
async function canary(config: Config, { variants, input, prompt, files, servers }: CanaryChecked): Promise<readonly Finding[]> {
  if (prompt === undefined) return []; // readPrompts throws where there is none.
  const [{ comfyClient }, { runCanary }] = await Promise.all([import("../../comfy/client/client.ts"), import("./canary.ts")]);
  const clients = config.servers
    .filter((_, index) => servers[index]?.[0]?.ok === true)
    .map((server) => comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file }));
  try {
    return await runCanary({ config, variants, clients, prompt, files, input });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}
