import { createHash, createHmac, hash } from "node:crypto";
import { identityHash, type JsonObject } from "./lib/exact-json.ts";

// Every identity of the dataset. They decide seeds, file names, object keys, row order and splits: changing anything here
// makes every user's dataset a different one. test/identity.test.ts pins each with a known value.

export interface PromptIdentity {
  readonly text: string;
  readonly negative: string;
  /** SHA-256 (hex) of each reference file by bound name. */
  readonly references: Readonly<Record<string, string>>;
  /** Per-prompt values by bound name. */
  readonly bound: JsonObject;
}

/** `p_…`: what makes two prompts the same prompt. */
export function promptKeyOf({ text, negative, references, bound }: PromptIdentity): string {
  return `p_${identityHash({ text: text.normalize("NFC"), negative, references, bound })}`;
}

export interface CandidateIdentity {
  readonly promptKey: string;
  readonly variant: string;
  readonly workflowSha256: string;
  readonly seed: bigint;
}

/** The job's identity: one candidate is one submission to ComfyUI, whatever the attempt and the server. */
export function candidateOf({ promptKey, variant, workflowSha256, seed }: CandidateIdentity): string {
  return identityHash({ prompt_key: promptKey, variant, workflow_sha256: workflowSha256, seed });
}

/** ComfyUI's largest seed. Source: KSampler's INPUT_TYPES, nodes.py: `"max": 0xffffffffffffffff`. */
export const SEED_MAX = 2n ** 64n - 1n;

/** The largest seed that is derived unless the configuration names a smaller one. */
export const DERIVED_SEED_MAX = 2 ** 32 - 1;

/** The number of seeds and the largest one. `max` + 1 must be at least `count`, or there are not enough seeds. */
export interface SeedBounds {
  readonly count: number;
  /** @default DERIVED_SEED_MAX */
  readonly max?: number;
}

/**
 * The first `count` seeds of a prompt, the same for every variant. A seed that the prompt has already, or that is above `max`, is
 * hashed again. Of a digest's 32 bits only the low ones that `max` needs are looked at: a seed that fits is the same with and without
 * `max`, and a small `max` is met after few hashes. Adding prompts or raising `count` never changes the others.
 */
export function derivedSeeds(baseSeed: bigint, promptKey: string, { count, max = DERIVED_SEED_MAX }: SeedBounds): bigint[] {
  const seeds = new Set<bigint>();
  const bits = Math.min(32, max.toString(2).length);
  const seedIn = (digest: Buffer): bigint => BigInt.asUintN(bits, BigInt(digest.readUInt32BE(0)));
  for (let index = 0; index < count; index++) {
    let digest = hash("sha256", canonicalSeedInput(baseSeed, promptKey, index), "buffer");
    while (seeds.has(seedIn(digest)) || seedIn(digest) > BigInt(max)) digest = hash("sha256", digest, "buffer");
    seeds.add(seedIn(digest));
  }
  return [...seeds];
}

function canonicalSeedInput(baseSeed: bigint, promptKey: string, index: number): string {
  return `{"base_seed":${baseSeed},"index":${index},"prompt_key":${JSON.stringify(promptKey)}}`;
}

/** ComfyUI's prompt_id of one attempt: UUIDv5 (RFC 9562 §5.5) in the database's own namespace, so that no two share one. */
export function promptIdOf(namespaceId: string, candidate: string, attempt: number): string {
  const namespace = Buffer.from(namespaceId.replaceAll("-", ""), "hex");
  const bytes = createHash("sha1").update(namespace).update(`${candidate}|${attempt}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6); // version 5
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8); // variant 10
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** SaveImage's prefix. No attempt in it: the prefix is embedded in the PNG, and an attempt would make the same image another file. */
export function filenamePrefixOf(dataset: string, candidate: string): string {
  return `${dataset}/${candidate.slice(0, 3)}/${candidate}`;
}

/** The place of an image in its candidate: its output node, its index in the batch, and how often it was made again once stored. */
export interface ImageSlot {
  readonly nodeId: string;
  readonly batchIndex: number;
  readonly generation: number;
}

/**
 * `i_…`: an image is a candidate, the output node that saved it and its index in the batch; made again by `exclude --redo`, also its
 * generation.
 */
export function imageIdOf(candidate: string, { nodeId, batchIndex, generation }: ImageSlot): string {
  const first = { candidate, output_node: nodeId, batch_index: batchIndex };
  return `i_${identityHash(generation === 0 ? first : { ...first, generation })}`;
}

/** The job of an image that was made elsewhere: its bytes, under a prompt. So whatever names it, and however often, it is one image. */
export function adoptedCandidateOf({ promptKey, sha256 }: { readonly promptKey: string; readonly sha256: string }): string {
  return identityHash({ prompt_key: promptKey, adopted_sha256: sha256 });
}

/** The image of it; a job of this kind has one. */
export function adoptedImageIdOf(candidate: string): string {
  return imageIdOf(candidate, { nodeId: "adopted", batchIndex: 0, generation: 0 });
}

/** Object key below the store's URI; `extension` without the dot. */
export function storeKeyOf(imageId: string, extension: string): string {
  return `images/${imageId.slice(2, 5)}/${imageId}.${extension}`;
}

/** Returns the name of a reference image at every server, below its input folder; `extension` without the dot. One name is one content. */
export function uploadedNameOf(sha256: string, extension: string): string {
  return `comfy-dpo/${sha256}.${extension}`;
}

/** Object key of a reference image below the store's URI. */
export function referenceKeyOf(sha256: string, extension: string): string {
  return `references/${sha256.slice(0, 3)}/${sha256}.${extension}`;
}

/** `d_…`: a training row is a choice between images. No scores in it, so that a new judge version keeps the ids of equal choices. */
export function rowIdOf(promptKey: string, criterion: string, chosen: string, rejected: readonly string[]): string {
  return `d_${identityHash({ prompt_key: promptKey, criterion, chosen, rejected: rejected.toSorted() })}`;
}

/** `r_…`: a ranking is of some images under a criterion, whatever their places. */
export function rankingIdOf(promptKey: string, criterion: string, imageIds: readonly string[]): string {
  return `r_${identityHash({ prompt_key: promptKey, criterion, ranked: imageIds.toSorted() })}`;
}

/** `t_…`: a tie is of two images under a criterion, in either order. */
export function tieIdOf(promptKey: string, criterion: string, imageIds: readonly string[]): string {
  return `t_${identityHash({ prompt_key: promptKey, criterion, tied: imageIds.toSorted() })}`;
}

/** `v_…`: a vote in an export. Ids of votes may hold names; without the dataset's random id nobody can tell which. */
export function exportedVoteIdOf(datasetId: string, voteId: string): string {
  return `v_${keyedHash(datasetId, `vote\n${voteId}`)}`;
}

/** `a_…`: a person in an export, the same in every version of a dataset and another in every other dataset. */
export function pseudonymOf(datasetId: string, annotator: string): string {
  return `a_${keyedHash(datasetId, `annotator\n${annotator}`)}`;
}

/** HMAC-SHA-256, the first 32 hex digits. */
function keyedHash(key: string, text: string): string {
  return createHmac("sha256", key).update(text, "utf8").digest("hex").slice(0, 32);
}

/** SHA-256 (hex) of a graph as canonical JSON. */
export function workflowSha256Of(canonicalGraph: string): string {
  return createHash("sha256").update(canonicalGraph, "utf8").digest("hex");
}
