import { expect, it } from "vitest";
import { chooseImageBase } from "../../../src/commands/annotate/export-tasks.ts";
import { ConfigError } from "../../../src/errors.ts";

it.each([
  [undefined, null, null],
  [undefined, "", null],
  [undefined, "../../", null],
  [undefined, "https://cdn.example/set", "https://cdn.example/set/"],
  ["https://x.example/", "https://cdn.example/set", "https://x.example/"],
  ["/data/local-files/", null, "/data/local-files/"],
])("%j, configured %j: %j", (option, configured, base) => {
  expect(chooseImageBase(option, configured)).toBe(base);
});

it.each(["https://x.example/?X-Amz-Signature=abc", "https://me:secret@x.example", "https://x.example/#a"])("refuses %s", (base) => {
  expect(() => chooseImageBase(base, null)).toThrow(ConfigError);
  expect(() => chooseImageBase(undefined, base)).toThrow("Cannot put images under export.uri_base");
});
