import { randomBytes, randomUUID } from "node:crypto";
import type { ComfyClient } from "../../comfy/client.ts";
import type { HistoryEntry } from "../../comfy/history-entry.ts";
import { render } from "../../comfy/render.ts";
import { runOnce } from "../../comfy/run-once.ts";
import type { Submission } from "../../comfy/submit.ts";
import { extraDataOf } from "../../comfy/workflow.ts";
import type { Config } from "../../config/schema.ts";
import { RejectError } from "../../errors.ts";
import { derivedSeeds, uploadedNameOf } from "../../identity.ts";
import { openDecoder, type DecodeImage } from "../../images/decode.ts";
import { canonicalJson } from "../../lib/exact-json.ts";
import type { PromptRow } from "../../prompts/read-prompts.ts";
import type { ReferenceFile } from "../../prompts/reference-files.ts";
import { outcomeOf } from "../../stages/generate/outcome.ts";
import { createUploads, type Uploads } from "../../stages/generate/uploads.ts";
import type { ReadyToPlan } from "../../stages/prepare-variants.ts";
import type { CommandInput } from "../command.ts";
import { comparePictures, type CanaryPictures, type PictureFacts } from "./compare-pictures.ts";
import { describeComparison } from "./describe-comparison.ts";
import { failedFinding, type Finding } from "./finding.ts";

export interface CanaryNeeds {
  readonly config: Config;
  readonly variants: readonly ReadyToPlan[];
  /** Of the servers that answer. */
  readonly clients: readonly ComfyClient[];
  readonly prompt: PromptRow;
  /** The reference pictures of all prompts. */
  readonly files: readonly ReferenceFile[];
  readonly input: Pick<CommandInput, "clock" | "log" | "stopping" | "signal">;
}

/**
 * Makes the same picture, the first prompt's first seed, with every variant on every server, and compares them. No candidate: nothing is
 * written here, and the servers' histories forget it. Reference pictures stay there under the names that jobs know them by.
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
  const total = clients.length * variants.length;
  let done = 0;
  // Servers beside each other, the variants of one after another: it works at one prompt at a time anyway.
  const results = await Promise.all(
    clients.map(async (client) => {
      const made: (readonly [string, CanaryPictures | Finding])[] = [];
      for (const [index, variant] of variants.entries()) {
        made.push([
          variant.variant,
          await makePictures(client, { ...needs, variant, decode, uploads, filenamePrefix: `${folder}/${index}` }),
        ]);
        input.log.progress("canary", { done: ++done, total, failed: 0 });
      }
      return made;
    }),
  );
  const byVariant = Map.groupBy(results.flat(), ([variant]) => variant);
  return [...byVariant].flatMap(([variant, each]) => {
    const made = each.flatMap(([, result]) => ("pictures" in result ? [result] : []));
    const failed = each.flatMap(([, result]) => ("pictures" in result ? [] : [result]));
    if (made.length === 0) return failed;
    const comparison = comparePictures(made);
    for (const { servers, bits, samePixels } of comparison.distances) {
      input.log.event("canary_distance", { variant, servers: [...servers], bits, same_pixels: samePixels });
    }
    return [...failed, describeComparison(`canary ${variant}`, { servers: made.length, ...comparison })];
  });
}

/** Stands where a candidate's job stands. */
const CANARY = { job: "canary", attempt: 1 } as const;

interface OneCanary extends CanaryNeeds {
  readonly variant: ReadyToPlan;
  readonly decode: DecodeImage;
  readonly uploads: Uploads;
  readonly filenamePrefix: string;
}

async function makePictures(client: ComfyClient, canary: OneCanary): Promise<CanaryPictures | Finding> {
  const { config, variant, prompt, input } = canary;
  const signal = AbortSignal.any([input.stopping, input.signal]);
  const startedMs = input.clock.nowMs();
  try {
    await canary.uploads.ensure({ ...CANARY, references: canonicalJson(prompt.references) }, client, signal);
    const pictures = await runOnce(client, submissionOf(canary), {
      clock: input.clock,
      timeoutMs: config.generate.stall_timeout_s * 1_000,
      signal,
      cleanUpSignal: input.signal,
      use: (entry) => decodeAll(client, entry, canary),
    });
    const seconds = (input.clock.nowMs() - startedMs) / 1_000;
    const hashes = pictures.map((picture) => picture.perceptualHash);
    input.log.event("canary", { variant: variant.variant, server: client.url, seconds, perceptual_hashes: hashes });
    return { server: client.url, pictures };
  } catch (error) {
    if (input.stopping.aborted || input.signal.aborted) throw error;
    const { text, ...finding } = failedFinding(client.url, error);
    return { ...finding, text: `canary of variant ${variant.variant}: ${text}` };
  }
}

function submissionOf({ config, variant, prompt, files, filenamePrefix }: OneCanary): Submission {
  const { seed: baseSeed, candidates, prompts, generate } = config;
  const [listed] = candidates.seeds === "derived" ? [] : candidates.seeds;
  const seed = listed === undefined ? (derivedSeeds(baseSeed, prompt.promptKey, 1)[0] ?? 0n) : BigInt(listed);
  const pictures = Object.entries(prompt.references).flatMap(([name, sha256]): [string, string][] => {
    const file = files.find((each) => each.sha256 === sha256);
    return file === undefined ? [] : [[name, uploadedNameOf(file.sha256, file.extension)]];
  });
  const negative = prompts.negative === undefined ? {} : { negative: prompt.negative };
  const values = { ...prompt.bound, ...Object.fromEntries(pictures), prompt: prompt.sent, ...negative, seed };
  const { bindings, outputs } = variant.bound;
  return {
    prompt: render(variant.graph, { bindings, values, outputs, filenamePrefix, saveAs: generate.save_as }),
    promptId: randomUUID(),
    clientId: randomUUID(),
    extraData: extraDataOf(variant.wrapper),
    mark: CANARY,
  };
}

async function decodeAll(client: ComfyClient, entry: HistoryEntry, canary: OneCanary): Promise<readonly PictureFacts[]> {
  const outcome = outcomeOf(entry, { outputs: canary.variant.bound.outputs });
  if (outcome.kind === "interrupted") throw new RejectError("execution-error", "someone interrupted it");
  if (outcome.kind === "no-output") throw new RejectError("no-output", "the run succeeded, but the output node saved no image");
  if (outcome.kind !== "images") throw new RejectError("execution-error", outcome.detail);
  const pictures: PictureFacts[] = [];
  for (const image of outcome.images) {
    const bytes = await readView(client, image, canary);
    pictures.push((await canary.decode(bytes)).inspection);
  }
  return pictures;
}

async function readView(
  client: ComfyClient,
  image: HistoryEntry["outputs"][number],
  { config, input }: Pick<OneCanary, "config" | "input">,
): Promise<Uint8Array> {
  const view = await client.view(image, input.signal);
  if (view.kind === "missing") throw new RejectError("lost-file", "GET /view answers 404 for the picture that it has just saved");
  const maxBytes = config.harvest.max_image_mb * 1024 * 1024;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // Bodies give Buffers unless an encoding is set; leaving the loop destroys the body.
  for await (const chunk of view.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes)
      throw new RejectError("too-large", `the picture is larger than harvest.max_image_mb, ${config.harvest.max_image_mb} MB`);
  }
  return Buffer.concat(chunks);
}
