import type { ServerEpoch } from "../../../comfy/client/server-epoch.ts";
import type { Db } from "../../open.ts";
import { eq } from "../../drizzle.ts";
import { serverEpochs, servers } from "../../schema/servers.ts";

/** The software and device that made images. Leaves out the command line, which may name folders of somebody's machine. */
export type MadeBy = Omit<ServerEpoch, "arguments">;

export type LastEpoch = MadeBy & { readonly epoch: string };

/** The epoch that a server was last seen in; undefined where it was never seen, or only by earlier programs. */
export function findLastEpoch(db: Db, url: string): LastEpoch | undefined {
  const { epoch, comfyui, pytorch, python, device } = serverEpochs;
  return db.orm
    .select({ epoch, comfyui, pytorch, python, device })
    .from(servers)
    .innerJoin(serverEpochs, eq(servers.epoch, serverEpochs.epoch))
    .where(eq(servers.url, url))
    .get();
}

/** Writes an epoch down; one that is known stays as it is. */
export function rememberEpoch(db: Db, epoch: string, { facts, nowMs }: { readonly facts: ServerEpoch; readonly nowMs: number }): void {
  db.orm
    .insert(serverEpochs)
    .values({ ...facts, epoch, arguments: JSON.stringify(facts.arguments), firstSeenAtMs: nowMs })
    .onConflictDoNothing()
    .run();
}

/** Stored images by what they were made by, most first. Adopted ones, and those of earlier programs, have no epoch and are left out. */
export function imagesByEpoch({ client }: Pick<Db, "client">): readonly (MadeBy & { readonly images: number })[] {
  return client
    .prepare<[], MadeBy & { images: number }>(`
      select comfyui, pytorch, python, device, sum(images) as images
      from (select epoch, count(*) as images from images where state = 'stored' and epoch is not null group by epoch)
      join server_epochs using (epoch)
      group by comfyui, pytorch, python, device
      order by images desc, comfyui, pytorch, python, device`)
    .all();
}

/** Prompts whose stored images were made in more than one epoch: the same seed may give another image in each. */
export function countMixedPrompts({ client }: Pick<Db, "client">): number {
  // One epoch, the usual case, is known without a look at the images.
  const epochs = client.prepare<[], number>(`select count(*) from server_epochs`).pluck().get() ?? 0;
  if (epochs < 2) return 0;
  return (
    client
      .prepare<[], number>(`
        select count(*) from (
          select 1 from images where state = 'stored' and epoch is not null group by prompt_key having min(epoch) <> max(epoch))`)
      .pluck()
      .get() ?? 0
  );
}
