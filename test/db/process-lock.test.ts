import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acquireProcessLock, isLocked } from "../../src/db/process-lock.ts";
import { FatalError } from "../../src/errors.ts";

let dir = "";
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "comfy-dpo-lock-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A process that holds the lock until it is killed. */
async function holdElsewhere(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const script = `
    import { acquireProcessLock } from ${JSON.stringify(join(import.meta.dirname, "../../src/db/process-lock.ts"))};
    acquireProcessLock(${JSON.stringify(dir)}, "generate");
    console.log("held");
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

describe("acquireProcessLock()", () => {
  it("refuses a second process and names the first's pid", async () => {
    const holder = await holdElsewhere();
    try {
      expect(isLocked(dir, "generate")).toBe(true);
      expect(() => acquireProcessLock(dir, "generate")).toThrow(FatalError);
      expect(() => acquireProcessLock(dir, "generate")).toThrow(`process ${holder.pid} is already doing it`);
    } finally {
      await holder.kill();
    }
  });

  it("is free again after kill -9", async () => {
    const holder = await holdElsewhere();
    await holder.kill();
    expect(isLocked(dir, "generate")).toBe(false);
    acquireProcessLock(dir, "generate").release();
  });

  it("locks each stage apart", () => {
    const generate = acquireProcessLock(dir, "generate");
    const harvest = acquireProcessLock(dir, "harvest");
    expect([isLocked(dir, "generate"), isLocked(dir, "harvest")]).toEqual([true, true]);
    harvest.release();
    expect([isLocked(dir, "generate"), isLocked(dir, "harvest")]).toEqual([true, false]);
    generate.release();
  });
});
