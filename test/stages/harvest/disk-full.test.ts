import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { fileStore } from "../../../src/stores/file/file.ts";
import { harvestBench } from "../../helpers/harvest-bench.ts";

/** A disk of so many KB in a folder; null where this user may mount nothing. */
function smallDisk(sizeKb: number): { readonly folder: string; grow(toKb: number): void; remove(): void } | null {
  const folder = mkdtempSync(join(tmpdir(), "comfy-dpo-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeKb}k`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  return {
    folder,
    grow: (toKb) => void execFileSync("mount", ["-o", `remount,size=${toKb}k`, folder]),
    remove() {
      execFileSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

test("a full disk ends harvest with what to do; with room again it goes on, and nothing is half stored", async () => {
  const disk = smallDisk(200);
  if (disk === null) {
    process.stderr.write(
      "Not tried: a disk that is really full, because this user may mount none. See fileError() for the error's class\n",
    );
    return;
  }
  try {
    const store = fileStore(pathToFileURL(disk.folder).href);
    await using bench = await harvestBench({ store });
    await bench.generate(40);
    await expect(bench.harvest()).rejects.toMatchObject({ name: "FatalError", hint: expect.stringContaining("free space") });
    expect(bench.states("images")["stored"]).toBeGreaterThan(0);
    expect(bench.states("images")["listed"]).toBeGreaterThan(0);
    await bench.expectStoreIsSound();
    disk.grow(10_000);
    await bench.harvest();
    expect(bench.states("images")).toEqual({ stored: 40 });
    await bench.expectStoreIsSound();
  } finally {
    disk.remove();
  }
});
