import { describeEpoch, epochKeyOf, type ServerEpoch } from "../../comfy/client/server-epoch.ts";
import type { Config } from "../../config/schema.ts";
import { openReadonly } from "../../db/open.ts";
import { findLastEpoch, type LastEpoch } from "../../db/queries/jobs/epochs.ts";
import { FatalError } from "../../errors.ts";
import { databaseFile } from "../open-context.ts";
import type { Finding } from "./finding.ts";

/** A server that answers, and what it is. */
interface SeenServer {
  readonly url: string;
  readonly epoch: ServerEpoch;
}

/** Says where servers differ in what decides an image, from each other and from what they were when they last made images. */
export function compareVersions(config: Pick<Config, "dir">, seen: readonly SeenServer[]): readonly Finding[] {
  return [...differences(seen), ...changes(seen, lastEpochs(config, seen))];
}

function differences(seen: readonly SeenServer[]): readonly Finding[] {
  const groups = [...Map.groupBy(seen, ({ epoch }) => epochKeyOf(epoch))];
  if (groups.length < 2) return [];
  const text = groups.map(([, alike]) => `${alike.map(({ url }) => url).join(", ")}: ${described(alike[0]?.epoch)}`).join("; ");
  return [{ what: "versions", ok: true, warning: true, text: `the same seed may give another image on each of these: ${text}` }];
}

function changes(seen: readonly SeenServer[], before: ReadonlyMap<string, LastEpoch>): readonly Finding[] {
  return seen.flatMap(({ url, epoch }): Finding[] => {
    const last = before.get(url);
    if (last === undefined || last.epoch === epochKeyOf(epoch)) return [];
    const text = `it is ${described(epoch)} now, and was ${describeEpoch(last)} when it last made images: the same seed may give another image`;
    return [{ what: url, ok: true, warning: true, text }];
  });
}

function described(epoch: ServerEpoch | undefined): string {
  if (epoch === undefined) return "";
  return `${describeEpoch(epoch)}${epoch.arguments.length === 0 ? "" : ` with ${epoch.arguments.join(" ")}`}`;
}

/** Empty for a dataset that was not begun, or whose database this version of the program cannot read yet. */
function lastEpochs(config: Pick<Config, "dir">, seen: readonly SeenServer[]): ReadonlyMap<string, LastEpoch> {
  try {
    const db = openReadonly(databaseFile(config));
    const known = seen.flatMap(({ url }): [string, LastEpoch][] => {
      const last = findLastEpoch(db, url);
      return last === undefined ? [] : [[url, last]];
    });
    db.close();
    return new Map(known);
  } catch (error) {
    if (error instanceof FatalError) return new Map();
    throw error;
  }
}
