import { type EmulatorDisk, fileAt, imageHash } from "../files/disk.ts";
import { classTypeOf, inputsOf } from "../nodes/graph-links.ts";
import { IMAGE_FORMAT, type MessageHub } from "../message-hub.ts";
import { imagesInput, runNode, stepsOf, type NodeDeps, type NodeInputs, type NodeOutput } from "../nodes/nodes.ts";
import { paint, type Image } from "../images/image.ts";
import { encodePng, type TextChunk } from "../images/png.ts";
import type { QueueItem } from "./prompt-queue.ts";
import { dumpsPython, isPyDict, type PyDict, type PyValue } from "../python-json.ts";
import type { RunMessages } from "./run-messages.ts";
import { saveImages } from "../files/save-images.ts";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { RunFaults } from "../faults.ts";

/** Shared by the nodes of one run. */
export interface NodeRunDeps {
  readonly item: QueueItem;
  readonly clientId: string | null;
  readonly messages: RunMessages;
  readonly hub: Pick<MessageHub, "sendImage">;
  readonly pace: Pacer;
  readonly disk: EmulatorDisk;
  readonly faults: RunFaults;
  readonly disableMetadata: boolean;
  /** Returns true if POST /interrupt asked this run to stop. */
  isInterrupted(): boolean;
  isOutput(nodeId: string): boolean;
  /** Tells which node runs, for clients that reconnect. */
  onNode(nodeId: string): void;
  /** Suffix that PreviewImage adds to its prefix for this node. */
  tempSuffixOf(nodeId: string): string;
  onSaved(files: number): void;
}

/** Work of a sampler's step against that of any other node. */
const UNITS_PER_STEP = 10;

/** Raised at the points where ComfyUI looks whether it is to stop. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Returns the time that a node takes, in units. A run's time is divided over the units of its nodes. */
export function unitsOf(classType: string, inputs: NodeInputs): number {
  return Math.max(1, stepsOf(classType, inputs) * UNITS_PER_STEP);
}

/** Runs one node that is not cached, with its messages and its share of the time. @throws {Interrupted} @throws {PyException} */
export async function runOneNode(nodeId: string, inputs: NodeInputs, run: NodeRunDeps): Promise<NodeOutput> {
  const { messages, pace, faults } = run;
  const classType = classTypeOf(run.item.graph, nodeId);
  messages.nodeStarted(nodeId);
  if (run.clientId !== null) run.onNode(nodeId);
  messages.executing(nodeId);
  if (run.isInterrupted()) throw new Interrupted();
  const steps = stepsOf(classType, inputs);
  // Loaders and text encoders work; samplers and outputs are where real servers run out of memory.
  if (faults.failure !== undefined && (steps > 0 || run.isOutput(nodeId))) throw faults.failure;

  if (classType === "SaveImageWebsocket") sendImages(nodeId, inputs, run);
  for (let step = 1; step <= steps; step++) {
    await pace.work(UNITS_PER_STEP);
    if (run.isInterrupted()) throw new Interrupted();
    messages.nodeProgress(nodeId, { value: step, max: steps });
    run.hub.sendImage(IMAGE_FORMAT.jpeg, run.clientId, () => PREVIEW_JPEG);
  }
  if (steps === 0) await pace.work(1);
  const output = runNode(classType, inputs, nodeDeps(nodeId, run));
  return output.ui === undefined || faults.hostileUi === undefined ? output : { ...output, ui: faults.hostileUi };
}

function sendImages(nodeId: string, inputs: NodeInputs, { messages, hub, clientId }: NodeRunDeps): void {
  const images = imagesInput(inputs, "images");
  for (const [index, image] of images.entries()) {
    messages.nodeProgress(nodeId, { value: index, max: images.length });
    hub.sendImage(IMAGE_FORMAT.png, clientId, () => encodePng(paint(image)));
  }
}

function nodeDeps(nodeId: string, run: NodeRunDeps): NodeDeps {
  const { disk, item } = run;
  return {
    tempSuffix: run.tempSuffixOf(nodeId),
    readImage(name) {
      const file = fileAt(disk, { name, fallback: "input" });
      return file === undefined ? undefined : disk.read(file);
    },
    save(request) {
      if (run.faults.noOutput) return [];
      const written = run.faults.paintOff ? request.images.map((of): Image => ({ op: "invert", of })) : request.images;
      const listed = saveImages(disk, { ...request, images: written, text: run.disableMetadata ? [] : textChunks(item, disk) });
      run.onSaved(request.images.length);
      return listed;
    },
  };
}

/** The workflow as it ran, and each key of extra_pnginfo. */
function textChunks({ graph, extraData }: QueueItem, disk: EmulatorDisk): TextChunk[] {
  const extra = extraData.get("extra_pnginfo");
  const chunks: TextChunk[] = [["prompt", dumpsPython(withFileHashes(graph, disk))]];
  if (isPyDict(extra)) for (const [key, value] of extra) chunks.push([key, dumpsPython(value)]);
  return chunks;
}

/** ComfyUI notes the hash of LoadImage's file in the node before it saves the workflow. */
function withFileHashes(graph: PyDict, disk: EmulatorDisk): PyDict {
  const nodes = [...graph].map(([nodeId, node]): [string, PyValue] => {
    const hash = isPyDict(node) && classTypeOf(graph, nodeId) === "LoadImage" ? imageHash(inputsOf(graph, nodeId), disk) : undefined;
    return [nodeId, isPyDict(node) && hash !== undefined ? new Map([...node, ["is_changed", [hash]]]) : node];
  });
  return new Map(nodes);
}

/** A grey JPEG of 8×8 pixels: what the emulator sends as every preview of a sampler's step. */
const PREVIEW_JPEG: Uint8Array = Buffer.from(
  "/9j/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fH" +
    "x8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAIAAgDASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAA" +
    "AAAAAAAAAAD/xAAUAQEAAAAAAAAAAAAAAAAAAAAA/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8AAA//2Q==",
  "base64",
);

/** Spreads the time that a run is to take over its work. */
interface Pacer {
  /** Waits until the time for `units` more of work is over. Rejects when the server is killed. */
  work(units: number): Promise<void>;
}

interface Pace {
  /** Milliseconds of the whole run. */
  readonly totalMs: number;
  /** All the work there is. */
  readonly units: number;
  readonly signal: AbortSignal;
}

export function pacer({ totalMs, units, signal }: Pace): Pacer {
  const startMs = performance.now();
  let done = 0;
  return {
    async work(more) {
      done += more;
      const restMs = startMs + (totalMs * done) / Math.max(1, units) - performance.now();
      // A timer cannot wait less than 1 ms: shorter times add up until they are worth one.
      if (restMs >= 1) await setTimeout(restMs, undefined, { signal });
      else await setImmediate(undefined, { signal });
    },
  };
}
