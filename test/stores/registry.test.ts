import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openStore, STORES, type StoreSettings } from "../../src/stores/registry.ts";

const settings = (uri: string): StoreSettings => ({ uri, tags: {}, metadata: "keep" });

describe("openStore()", () => {
  test("opens a store by its URI's scheme", async () => {
    expect((await openStore(settings("file:///tmp/images"), { concurrency: 2 })).uri).toBe("file:///tmp/images");
    const s3 = await openStore({ ...settings("s3://bucket/a//b/"), endpoint: "http://127.0.0.1:1" }, { concurrency: 2 });
    expect(s3.uri).toBe("s3://bucket/a/b");
    expect(s3.uriOf("images/0ab/i_1.png")).toBe("s3://bucket/a/b/images/0ab/i_1.png");
    await s3.close();
  });

  test.each(["gs://bucket", "images", "", "toString://x", "http://user:secret@host/", "s3://key:secret@bucket/x"])(
    "refuses %j",
    async (uri) => {
      const error = await openStore(settings(uri), { concurrency: 2 }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      expect(String(error)).not.toContain("secret");
    },
  );
});

test("every store of the registry runs the contract test", () => {
  const tests = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(import.meta.dirname, file), "utf8"));
  for (const scheme of Object.keys(STORES)) expect(tests.some((text) => text.includes(`objectStoreContract("${scheme}"`))).toBe(true);
});
