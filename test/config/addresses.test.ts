import * as fc from "fast-check";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { resolveExportUri, resolveStoreUri } from "../../src/config/addresses.ts";
import { problemsOf } from "./config-text.ts";

describe("resolveStoreUri()", () => {
  it.each([
    ["file:images", "file:///d/images"],
    ["file:../x y", "file:///x%20y"],
    ["file:/abs/x", "file:///abs/x"],
    ["file:///abs/x/", "file:///abs/x"],
    ["file:///", "file:///"],
    ["file:100%", "file:///d/100%25"],
    ["s3://bucket", "s3://bucket"],
    ["s3://bucket//a/b/", "s3://bucket/a/b"],
  ])("makes %s absolute: %s", (uri, expected) => {
    expect(resolveStoreUri(uri, "/d")).toEqual({ uri: expected });
  });

  it.each([
    "images",
    "/abs",
    "gs://b/x",
    "file:",
    "file://images/a",
    "file:///a%2Fb",
    "file:///a%zz",
    "s3:",
    "s3://",
    "s3:///x",
    "s3://Bad_Bucket",
    "s3://b",
    "s3://10.0.0.1/x",
    "s3://bucket/../x",
    "s3://bucket/x?y",
    "s3://key:secret@bucket/x",
  ])("refuses %s", (uri) => {
    expect(resolveStoreUri(uri, "/d")).toEqual({ why: expect.stringMatching(/./) as string });
    expect(problemsOf(`store: { uri: ${JSON.stringify(uri)} }`)).toEqual([expect.stringMatching(/^line 5, column 15: store\.uri /)]);
  });

  it("keeps any folder's name through the URI", () => {
    const name = fc.string({ unit: "binary", minLength: 1 }).filter((text) => !/[\p{Cc}/\\]|^\.\.?$/u.test(text) && text.isWellFormed());
    fc.assert(
      fc.property(name, (folder) => {
        const resolved = resolveStoreUri(`file:./${folder}`, "/d");
        expect("uri" in resolved && fileURLToPath(resolved.uri)).toBe(`/d/${folder}`);
        expect(resolveStoreUri("uri" in resolved ? resolved.uri : "", "/other")).toEqual(resolved);
      }),
    );
  });
});

describe("resolveExportUri()", () => {
  it.each([
    ["export", "/d/export"],
    ["../x", "/x"],
    ["/abs/x/", "/abs/x"],
    ["file:x", "/d/x"],
    ["file:///abs/a%20b", "/abs/a b"],
    ["s3://bucket/x/", "s3://bucket/x"],
  ])("makes %s absolute: %s", (uri, expected) => {
    expect(resolveExportUri(uri, "/d")).toEqual({ uri: expected });
  });

  it.each(["", "gs://bucket/x", "https://host/x", "file://host/x", "file:///a%2Fb", "s3://"])("refuses %j", (uri) => {
    expect(resolveExportUri(uri, "/d")).toEqual({ why: expect.stringMatching(/./) as string });
    expect(problemsOf(`export: { uri: ${JSON.stringify(uri)} }`)).toEqual([expect.stringMatching(/^line 5, column 16: export\.uri /)]);
  });
});
