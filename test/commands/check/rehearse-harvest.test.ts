import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { memoryStore } from "../../../src/commands/check/rehearse-harvest.ts";

const PNG = { contentType: "image/png" };

describe("memoryStore()", () => {
  it("keeps what is put first, gives copies, and forgets what is deleted", async () => {
    const store = memoryStore();
    const bytes = Buffer.from("one");
    expect(await store.putNew("images/a", bytes, 3, PNG)).toBe("created");
    bytes.fill("x");
    const late = Readable.from([Buffer.from("two")]);
    expect(await store.putNew("images/a", late, 3, PNG)).toBe("exists");
    expect(late.destroyed).toBe(true);
    expect(String(await buffer((await store.get("images/a"))!))).toBe("one");
    await store.put("images/a", Readable.from([Buffer.from("three")]), 5, PNG);
    expect(await store.head("images/a")).toEqual({ sizeBytes: 5, uri: "memory:images/a" });
    expect((await Array.fromAsync(store.list("images/"))).map(({ key }) => key)).toEqual(["images/a"]);
    await store.delete("images/a");
    expect(await store.get("images/a")).toBeNull();
  });
});
