import { randomBytes } from "node:crypto";
import { access, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../../config/schema.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { openStore } from "../../stores/registry.ts";
import { failedFinding, type Finding } from "./finding.ts";

/** Writes, reads and deletes an object, as harvest and export will. Leaves nothing, not even folders. */
export async function probeStore(what: string, settings: Config["store"], signal: AbortSignal): Promise<Finding> {
  let store: ObjectStore | null = null;
  let made: readonly string[] = [];
  try {
    store = await openStore(settings, { concurrency: 1 });
    made = settings.uri.startsWith("file:") ? await missingFolders(fileURLToPath(store.uri)) : [];
    const key = `.comfy-dpo-check-${randomBytes(8).toString("hex")}`;
    const probe = Buffer.from("comfy-dpo check");
    await store.put(key, probe, probe.length, { contentType: "text/plain", signal });
    const read = await store.head(key, signal);
    await store.delete(key, signal);
    return { what, ok: read?.sizeBytes === probe.length, text: `${store.uri}: written, read and deleted a probe` };
  } catch (error) {
    return failedFinding(what, error);
  } finally {
    await store?.close();
    for (const folder of made) await rmdir(folder).catch(() => undefined); // Not made after all, or in use by now.
  }
}

/** Folders that the probe will make, innermost first. */
async function missingFolders(folder: string): Promise<readonly string[]> {
  // Where objects are written before they have their name: the store's own.
  const missing = [join(folder, ".partial")];
  for (let path = folder; path !== dirname(path); path = dirname(path)) {
    try {
      await access(path);
      return missing;
    } catch {
      missing.push(path); // Not there: look at its parent.
    }
  }
  return missing;
}
