import type { Readable } from "node:stream";
import type { RejectReason } from "../../errors.ts";
import type { Json, JsonObject } from "../../lib/exact-json.ts";

/** Where an image came from, as `image_index` shows it. Data, never a path of ours, and without secrets. */
export interface Origin {
  /** A server's URL, or that of a folder or bucket. */
  readonly server: string;
  readonly subfolder: string;
  readonly filename: string;
  readonly type: string;
}

/** What a line of JSONL says of its image. */
export interface Said {
  readonly prompt: string;
  readonly negative: string;
  /** "" where the line has none. */
  readonly model: string;
  /** Null where the line has none. */
  readonly seed: bigint | null;
  readonly id: string | null;
}

/** What a source knows of an image beside its bytes. */
export interface Claim {
  /** Which source is believed where several describe one image: the lowest. */
  readonly precedence: "0-jsonl" | "1-history" | "2-folder";
  /** The graph of a run, as history tells it; null elsewhere. What the image embeds goes before it. */
  readonly graph: JsonObject | null;
  readonly said: Said | null;
  /** "" where it is not known. */
  readonly promptId: string;
  readonly nodeId: string;
  readonly batchIndex: number;
}

export interface OpenedImage {
  readonly body: Readable;
  /** As announced; null where it is not. */
  readonly sizeBytes: number | null;
}

/** What a source offers is the same item as long as the source calls it so. */
interface Item {
  /** Hashed for the database. */
  readonly identity: Json;
  /** Of everything else that would make it another image, or describe it otherwise. */
  readonly state: Json;
  /** For people; safe for a terminal. */
  readonly name: string;
}

export interface FoundImage extends Item {
  readonly kind: "image";
  readonly origin: Origin;
  readonly claim: Claim;
  /** A network lies between: what came damaged may come whole. */
  readonly isRemote: boolean;
  /** From the start at each call. @throws {RejectError} where there is nothing, {TransientError} where there may be later. */
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
