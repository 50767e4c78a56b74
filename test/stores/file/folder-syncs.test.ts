import { describe, expect, test } from "vitest";
import { folderSyncs } from "../../../src/stores/file/folder-syncs.ts";

/** Flushes that end when they are told to. */
function controlled() {
  const started: { readonly folder: string; readonly end: (error?: Error) => void }[] = [];
  const sync = folderSyncs((folder) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    started.push({ folder, end: (error) => (error === undefined ? resolve() : reject(error)) });
    return promise;
  });
  return { started, sync };
}

describe("folderSyncs()", () => {
  test("who comes during a flush waits for one that began after, and shares it", async () => {
    const { started, sync } = controlled();
    const first = sync("/a");
    const late = [sync("/a"), sync("/a"), sync("/a")];
    let areLateDone = false;
    const allLate = Promise.all(late).then(() => (areLateDone = true));
    started[0]!.end();
    await first;
    expect([started.length, areLateDone]).toEqual([2, false]);
    started[1]!.end();
    await allLate;
    const after = sync("/a");
    expect(started).toHaveLength(3);
    started[2]!.end();
    await after;
  });

  test("other folders do not wait", () => {
    const { started, sync } = controlled();
    void sync("/a");
    void sync("/b");
    expect(started.map(({ folder }) => folder)).toEqual(["/a", "/b"]);
  });

  test("a flush that fails fails those who waited for it, and no one after", async () => {
    const { started, sync } = controlled();
    const failure = new Error("disk");
    const first = sync("/a");
    const second = sync("/a");
    started[0]!.end(failure);
    await expect(first).rejects.toBe(failure);
    expect(started).toHaveLength(2);
    started[1]!.end();
    await second;
  });
});
