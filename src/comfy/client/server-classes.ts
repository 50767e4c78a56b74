import { FatalError, TransientError } from "../../errors.ts";
import type { ComfyClient } from "./client.ts";
import { NO_REPLACEMENTS, type NodeReplacements } from "../nodes/node-replacements.ts";
import { parseObjectInfo, type ClassInfo, type ObjectInfo } from "../nodes/object-info.ts";

/** The classes that a workflow uses, as a server describes them. */
export interface ServerClasses {
  readonly url: string;
  /** Classes that the server has. Others are left out. */
  readonly objectInfo: ObjectInfo;
  /** Replacements for classes that it does not have. */
  readonly replacements: NodeReplacements;
}

/**
 * Asks a server for some classes, one by one: since 0.33 the list of all of them has it look through its output folder. What it replaces is
 * asked for only where it lacks a class.
 * @throws {TransientError} where it does not say.
 */
export async function readServerClasses(
  client: Pick<ComfyClient, "url" | "objectInfo" | "nodeReplacements">,
  classTypes: Iterable<string>,
  signal: AbortSignal,
): Promise<ServerClasses> {
  const objectInfo = new Map<string, ClassInfo>();
  const read = async (names: readonly string[]): Promise<void> => {
    const answers = await Promise.all(names.map((name) => client.objectInfo(name, signal)));
    for (const answer of answers) for (const [name, info] of parseObjectInfo(answer)) objectInfo.set(name, info);
  };
  const wanted = [...new Set(classTypes)];
  await read(wanted);
  const missing = wanted.filter((name) => !objectInfo.has(name));
  const replacements = missing.length === 0 ? NO_REPLACEMENTS : await readReplacements(client, signal);
  const others = missing.flatMap((name) => replacements.get(name)?.newClass ?? []);
  await read([...new Set(others)].filter((name) => !objectInfo.has(name)));
  return { url: client.url, objectInfo, replacements };
}

/** Older servers have no such list, and answer as they do for any unknown page. */
async function readReplacements(client: Pick<ComfyClient, "nodeReplacements">, signal: AbortSignal): Promise<NodeReplacements> {
  try {
    return await client.nodeReplacements(signal);
  } catch (error) {
    if (error instanceof TransientError || error instanceof FatalError) return NO_REPLACEMENTS;
    throw error;
  }
}
