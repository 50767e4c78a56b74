import { randomBytes, randomUUID } from "node:crypto";
import type { ComfyClient } from "../../comfy/client/client.ts";
import type { HistoryEntry } from "../../comfy/client/history-entry.ts";
import { runOnce, type Whereabouts } from "../../comfy/client/run-once.ts";
import type { Submission } from "../../comfy/client/submit.ts";
import { render } from "../../comfy/graph/render.ts";
import { extraDataOf } from "../../comfy/graph/workflow.ts";
import { type CanaryImages, compareImages, describeComparison } from "./compare-images.ts";
import { failedFinding, type Finding } from "./finding.ts";
import { type RehearsalNeeds, type RehearsedImage, rehearseHarvest } from "./rehearse-harvest.ts";
import type { CommandInput } from "../command.ts";
import type { Config } from "../../config/schema.ts";
import { RejectError } from "../../errors.ts";
import { uploadedNameOf } from "../../identity.ts";
import { type DecodeImage, openDecoder } from "../../images/decode.ts";
import { canonicalJson } from "../../lib/exact-json.ts";
import { counted } from "../../lib/words.ts";
import type { PromptRow } from "../../prompts/read-prompts.ts";
import type { ReferenceFile } from "../../prompts/reference-files.ts";
import { outcomeOf } from "../../stages/generate/outcome.ts";
import { createUploads, type Uploads } from "../../stages/generate/server/uploads.ts";
import { seedsOf, seedRuleOf } from "../../stages/plan/plan.ts";
import type { ReadyToPlan } from "../../stages/plan/prepare-variants.ts";

interface CanaryNeeds {
  readonly config: Config;
  readonly variants: readonly ReadyToPlan[];
  /** Clients of the servers that answer. */
  readonly clients: readonly ComfyClient[];
  readonly prompt: PromptRow;
  /** The reference images of all prompts. */
  readonly files: readonly ReferenceFile[];
  readonly input: Pick<CommandInput, "clock" | "log" | "stopping" | "signal">;
}

/**
 * Makes the same image, the first prompt's first seed, with every variant on every server, does to it all that harvest would, and compares
 * them. No candidate: nothing is written here, and the servers' histories forget it. Reference images stay there under the names that jobs
 * know them by.
 */
export async function runCanary(needs: CanaryNeeds): Promise<readonly Finding[]> {
  const { clients, variants, input } = needs;
  const decode = await openDecoder();
  // Of its own for each check: a cached run names the file of an earlier one, which may be gone.
  const folder = `comfy-dpo-canary/${randomBytes(4).toString("hex")}`;
  const uploads = createUploads({
    find: (sha256) => needs.files.find((file) => file.sha256 === sha256),
    pathsOf: (sha256) => needs.files.filter((file) => file.sha256 === sha256).map((file) => file.path),
  });
  const waits = canaryWaits(input, clients.length * variants.length);
  // Servers beside each other, the variants of one after another: it works at one prompt at a time anyway.
  const results = await Promise.all(
    clients.map(async (client) => {
      const made: (readonly [string, HarvestedCanary | Finding])[] = [];
      for (const [index, variant] of variants.entries()) {
        made.push([
          variant.variant,
          await makeImages(client, { ...needs, variant, decode, uploads, waits, filenamePrefix: `${folder}/${index}` }),
        ]);
        waits.finished(client.url);
      }
      return made;
    }),
  );
  const byVariant = Map.groupBy(results.flat(), ([variant]) => variant);
  return [...byVariant].flatMap(([variant, each]) => {
    const made = each.flatMap(([, result]) => ("images" in result ? [result] : []));
    const failed = each.flatMap(([, result]) => ("images" in result ? [] : [result]));
    if (made.length === 0) return failed;
    const comparison = compareImages(made);
    for (const { servers, bits, samePixels } of comparison.distances) {
      input.log.event("canary_distance", { variant, servers: [...servers], bits, same_pixels: samePixels });
    }
    const what = `canary ${variant}`;
    return [...failed, describeComparison(what, { servers: made.length, ...comparison }), ...describeHarvest(what, made)];
  });
}

/**
 * Time that the canary waits in a queue in which no prompt ends, ms. Long enough for the largest models to load (a minute or two from a
 * disk), short enough for the person who waits for the table.
 */
const STANDSTILL_MS = 120_000;

/** Stands where a candidate's job stands. */
const CANARY = { job: "canary", attempt: 1 } as const;

interface OneCanary extends CanaryNeeds {
  readonly variant: ReadyToPlan;
  readonly decode: DecodeImage;
  readonly uploads: Uploads;
  readonly waits: CanaryWaits;
  readonly filenamePrefix: string;
}

async function makeImages(client: ComfyClient, canary: OneCanary): Promise<HarvestedCanary | Finding> {
  const { config, variant, prompt, input } = canary;
  const signal = AbortSignal.any([input.stopping, input.signal]);
  const startedMs = input.clock.nowMs();
  try {
    await canary.uploads.ensure({ ...CANARY, references: canonicalJson(prompt.references) }, client, signal);
    const { withoutMetadata } = await client.systemStats(signal);
    const submission = buildSubmission(canary);
    const rehearsal = {
      client,
      config,
      proof: { filenamePrefix: canary.filenamePrefix, withoutMetadata, graph: submission.prompt },
      decode: canary.decode,
      clock: input.clock,
      signal,
    };
    const stallMs = config.generate.stall_timeout_s * 1_000;
    const images = await runOnce(client, submission, {
      clock: input.clock,
      timeoutMs: stallMs,
      standstillMs: Math.min(stallMs, STANDSTILL_MS),
      signal,
      cleanUpSignal: input.signal,
      onLook: (where) => canary.waits.look(client.url, where),
      use: (entry) => harvestAll(entry, variant, rehearsal),
    });
    const seconds = (input.clock.nowMs() - startedMs) / 1_000;
    const hashes = images.map((image) => image.perceptualHash);
    input.log.event("canary", { variant: variant.variant, server: client.url, seconds, perceptual_hashes: hashes });
    return { server: client.url, images };
  } catch (error) {
    if (input.stopping.aborted || input.signal.aborted) throw error;
    const { text, ...finding } = failedFinding(client.url, error);
    return { ...finding, text: `canary of variant ${variant.variant}: ${text}` };
  }
}

function buildSubmission({ config, variant, prompt, files, filenamePrefix }: OneCanary): Submission {
  const { prompts, generate } = config;
  const [seed = 0n] = seedsOf({ ...seedRuleOf(config), perPrompt: 1 }, prompt.promptKey);
  const images = Object.entries(prompt.references).flatMap(([name, sha256]): [string, string][] => {
    const file = files.find((each) => each.sha256 === sha256);
    return file === undefined ? [] : [[name, uploadedNameOf(file.sha256, file.extension)]];
  });
  const negative = prompts.negative === undefined ? {} : { negative: prompt.negative };
  const values = { ...prompt.bound, ...Object.fromEntries(images), prompt: prompt.sent, ...negative, seed };
  const { bindings, outputs } = variant.bound;
  return {
    prompt: render(variant.graph, { bindings, values, outputs, filenamePrefix, saveAs: generate.save_as }),
    promptId: randomUUID(),
    clientId: randomUUID(),
    extraData: extraDataOf(variant.wrapper),
    mark: CANARY,
  };
}

function refused(error: unknown): never {
  if (!(error instanceof RejectError)) throw error;
  const { reason, message, hint } = error;
  throw new RejectError(reason, `harvest would reject the image (${reason}): ${message}`, hint === undefined ? {} : { hint });
}

async function harvestAll(entry: HistoryEntry, variant: ReadyToPlan, rehearsal: RehearsalNeeds): Promise<readonly RehearsedImage[]> {
  const outcome = outcomeOf(entry, { outputs: variant.bound.outputs });
  if (outcome.kind === "interrupted") throw new RejectError("execution-error", "someone interrupted it");
  if (outcome.kind === "no-output") throw new RejectError("no-output", "the run succeeded, but the output node saved no image");
  if (outcome.kind !== "images") throw new RejectError("execution-error", outcome.detail);
  const images: RehearsedImage[] = [];
  for (const image of outcome.images) images.push(await rehearseHarvest(image, rehearsal).catch(refused));
  return images;
}

/** The images of one variant and server that harvest would store. */
interface HarvestedCanary extends CanaryImages {
  readonly images: readonly RehearsedImage[];
}

/** Says which images harvest would store, and warns if nothing in an image proves which job it is of. */
function describeHarvest(what: string, made: readonly HarvestedCanary[]): readonly Finding[] {
  const images = made.flatMap((canary) => canary.images);
  const kinds = [...new Set(images.map(({ format, widthPx, heightPx }) => `${format} ${widthPx}×${heightPx}`))].join(", ");
  const unproven = made.filter((canary) => canary.images.some(({ isUnproven }) => isUnproven)).map(({ server }) => server);
  const taken = `harvest would store ${kinds}`;
  if (unproven.length === 0) return [{ what, ok: true, text: `${taken}, proven by the prompt embedded in it` }];
  const why = `nothing in the image of ${unproven.join(", ")} says which job it is of, so that a mixed-up image would not be noticed`;
  return [{ what, ok: true, warning: true, text: `${taken}; ${why}` }];
}

/** Between two messages about one server that keeps the canary waiting. */
const REPEAT_MS = 30_000;

/** Tells whom the canary waits for, on the progress line at each look and as a message once and then twice a minute. */
interface CanaryWaits {
  look(server: string, where: Whereabouts): void;
  /** One image of the server has come, or will not. */
  finished(server: string): void;
}

function canaryWaits({ clock, log }: Pick<CommandInput, "clock" | "log">, total: number): CanaryWaits {
  /** By server: its state in words. */
  const states = new Map<string, string>();
  const toldAtMs = new Map<string, number>();
  let done = 0;

  const show = (): void =>
    log.progress("canary", {
      done,
      total,
      failed: 0,
      ...(states.size === 0 ? {} : { note: `waits for ${[...states].map(([server, state]) => `${server} (${state})`).join(", ")}` }),
    });

  return {
    look(server, { promptsAhead, isRunning }) {
      const ahead = `${counted(promptsAhead, "prompt")} ahead`;
      states.set(server, isRunning ? "runs" : ahead);
      show();
      const nowMs = clock.nowMs();
      if (promptsAhead === 0 || nowMs - (toldAtMs.get(server) ?? -Infinity) < REPEAT_MS) return;
      toldAtMs.set(server, nowMs);
      log.info(`The canary waits at ${server}: ${ahead} in its queue`);
    },
    finished(server) {
      states.delete(server);
      toldAtMs.delete(server);
      done++;
      show();
    },
  };
}
