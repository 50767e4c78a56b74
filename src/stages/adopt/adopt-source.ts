import type { Readable } from "node:stream";
import type { RejectReason } from "../../errors.ts";
import type { Json, JsonObject } from "../../lib/exact-json.ts";

/** The origin of an image, as `image_index` shows it. Data, never a path of ours, and without secrets. */
export interface Origin {
  /** A server's URL, or that of a folder or bucket. */
  readonly server: string;
  readonly subfolder: string;
  readonly filename: string;
  readonly type: string;
}

/** The facts that a line of JSONL gives of its image. */
export interface LineFacts {
  readonly prompt: string;
  readonly negative: string;
  /** "" where the line has none. */
  readonly model: string;
  /** Null if the line has none. */
  readonly seed: bigint | null;
  readonly id: string | null;
}

/** Facts that a source knows of an image, beside its bytes. */
export interface Claim {
  /** If several sources describe one image, the one with the lowest value counts. */
  readonly precedence: "0-jsonl" | "1-history" | "2-folder";
  /** The graph of a run, as history tells it; null elsewhere. The graph that the image embeds takes precedence. */
  readonly graph: JsonObject | null;
  /** Null if no line of JSONL names the image. */
  readonly line: LineFacts | null;
  /** "" where it is not known. */
  readonly promptId: string;
  readonly nodeId: string;
  readonly batchIndex: number;
}

export interface OpenedImage {
  readonly body: Readable;
  /** Announced length; null if there is none. */
  readonly sizeBytes: number | null;
}

/** One image that a source offers. It is the same item as long as its `identity` is the same. */
interface Item {
  /** Hashed for the database. */
  readonly identity: Json;
  /** Everything else that would make it another image, or describe it otherwise. Hashed, too. */
  readonly state: Json;
  /** Name for people, safe for a terminal. */
  readonly name: string;
}

export interface FoundImage extends Item {
  readonly kind: "image";
  readonly origin: Origin;
  readonly claim: Claim;
  /** A network lies between: what came damaged may come whole. */
  readonly isRemote: boolean;
  /**
   * Opens the image at its first byte, at each call. @throws {RejectError} if there is nothing, {TransientError} if there may be later.
   */
  open(signal: AbortSignal): Promise<OpenedImage>;
}

export interface RefusedItem extends Item {
  readonly kind: "refused";
  readonly reason: RejectReason;
  readonly detail: string;
}

export type AdoptItem = FoundImage | RefusedItem;

/** Images somewhere else. Only ever read. */
export interface AdoptSource extends AsyncDisposable {
  /** Absolute, without secrets. */
  readonly name: string;
  /** All of it is behind one address: where that gives nothing any more, going on is of no use. */
  readonly isOneServer: boolean;
  /** One after another: memory does not grow with the source. @throws {TransientError} where the list breaks off. */
  items(signal: AbortSignal): AsyncIterable<AdoptItem>;
}

const NAME_CHARS = 200;

/** A name that anybody may have chosen, for messages: cut, quoted, and nothing in it that a terminal would obey. */
export function quotedName(name: string): string {
  const cut = name.length > NAME_CHARS ? `…${name.slice(-NAME_CHARS)}` : name;
  const escape = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`;
  return `"${cut.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escape)}"`;
}
