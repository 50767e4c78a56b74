import { expect, it } from "vitest";
import { parseColumnMap } from "../../../src/commands/annotate/import-file.ts";

it("reads pairs of names, with blanks around them and = in theirs", () => {
  expect(parseColumnMap(undefined)).toEqual({});
  expect(parseColumnMap("image_0_uid=left, label_0 = a=b")).toEqual({ image_0_uid: "left", label_0: "a=b" });
});

it.each(["", "label_0", "=x", "label_0=", "label_0=x,"])("refuses %j", (text) => {
  expect(() => parseColumnMap(text)).toThrow("expected OURS=THEIRS");
});

it("refuses a column that is mapped twice", () => {
  expect(() => parseColumnMap("label_0=x,label_0=y")).toThrow("Cannot map label_0 twice");
});
