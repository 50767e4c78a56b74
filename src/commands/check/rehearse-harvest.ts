import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { ComfyClient } from "../../comfy/client/client.ts";
import type { HistoryEntry } from "../../comfy/client/history-entry.ts";
import type { ApiGraph } from "../../comfy/graph/graph.ts";
import type { ImageFacts } from "./compare-images.ts";
import type { Config } from "../../config/schema.ts";
import { RejectError } from "../../errors.ts";
import type { DecodeImage } from "../../images/decode.ts";
import type { Clock } from "../../lib/clock.ts";
import { RETRIES, retry } from "../../lib/retry.ts";
import { checkSourceName } from "../../stages/harvest/check-source-name.ts";
import { expectationIn, type SavedBy } from "../../stages/harvest/expect-image.ts";
import { heldBuffers } from "../../stages/harvest/transfer/held-buffers.ts";
import type { ProofTask } from "../../stages/harvest/transfer/prove.ts";
import { transfer } from "../../stages/harvest/transfer/transfer.ts";
import type { ListedObject, ObjectStore } from "../../stores/object-store.ts";
import { readAll } from "../../stores/read-all.ts";
import { MIB } from "../../lib/units.ts";

export interface RehearsalNeeds {
  readonly client: ComfyClient;
  readonly config: Pick<Config, "harvest" | "store">;
  /** Facts that harvest would know of the image's job: the graph as it was sent, and its server. */
  readonly proof: Pick<ProofTask, "filenamePrefix"> & Pick<SavedBy, "withoutMetadata"> & { readonly graph: ApiGraph };
  readonly decode: DecodeImage;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** An image that harvest would store, as it would store it. */
export interface RehearsedImage extends ImageFacts {
  readonly format: string;
  /** It says nothing of the job that it is of. */
  readonly isUnproven: boolean;
}

/**
 * Does to a finished image all that harvest does, through the same code, into a store in memory: it checks the name, fetches, verifies,
 * proves, strips, stores and inspects it.
 * @throws {RejectError} under the reason that harvest would reject it for; what harvest would end the run with.
 */
export async function rehearseHarvest(image: HistoryEntry["outputs"][number], needs: RehearsalNeeds): Promise<RehearsedImage> {
  const { client, config, proof, decode, clock, signal } = needs;
  const { nodeId, filename, subfolder, type } = image;
  checkSourceName({ filename, subfolder, type });
  const { filenamePrefix, withoutMetadata, graph } = proof;
  const task = {
    filenamePrefix,
    ...expectationIn(graph, { nodeId, withoutMetadata }),
    imageId: `i_${randomBytes(16).toString("hex")}`,
    source: { filename, subfolder, type },
    outputNodeId: nodeId,
    maxBytes: config.harvest.max_image_mb * MIB,
    metadata: config.store.metadata,
  };
  const store = memoryStore();
  const fetched = async () => {
    const outcome = await transfer(task, { client, store, buffers: heldBuffers(), signal });
    if (outcome.kind === "stored") return outcome;
    if (outcome.kind === "lost") throw new RejectError("lost-file", "GET /view answers 404 for the image that it has just saved");
    throw outcome.error;
  };
  const { key, facts, unproven } = await retry(fetched, { limits: RETRIES.canaryImage, clock, signal });
  const body = await store.get(key, signal);
  if (body === null) throw new Error(`a stored image is not at ${key}`);
  const { inspection } = await decode(await readAll(body, facts.sizeBytes));
  return { ...inspection, format: facts.format.name, isUnproven: unproven };
}

/** A store that forgets everything with the process: harvest works into it as into any other. */
export function memoryStore(): ObjectStore {
  const objects = new Map<string, Buffer>();
  const uriOf = (key: string): string => `memory:${key}`;
  // A copy: harvest uses the memory of what it stored again.
  const read = async (body: Uint8Array | Readable): Promise<Buffer> => (body instanceof Uint8Array ? Buffer.from(body) : buffer(body));
  return {
    uri: "memory:",
    uriOf,
    async putNew(key, body) {
      if (objects.has(key)) {
        if (!(body instanceof Uint8Array)) body.destroy();
        return "exists";
      }
      objects.set(key, await read(body));
      return "created";
    },
    async put(key, body) {
      objects.set(key, await read(body));
    },
    head: (key) => {
      const found = objects.get(key);
      return Promise.resolve(found === undefined ? null : { sizeBytes: found.length, uri: uriOf(key) });
    },
    get: (key) => {
      const found = objects.get(key);
      return Promise.resolve(found === undefined ? null : Readable.from([found], { objectMode: false }));
    },
    delete: (key) => {
      objects.delete(key);
      return Promise.resolve();
    },
    async *list(prefix): AsyncGenerator<ListedObject> {
      for (const [key, bytes] of objects) if (key.startsWith(prefix)) yield { key, sizeBytes: bytes.length, modifiedAtMs: 0 };
    },
    close: () => Promise.resolve(),
  };
}
