import { expect, it } from "vitest";
import { describePairs } from "../../../src/commands/check/describe-config.ts";
import { testConfig } from "../../helpers/annotated-dataset.ts";

const QUALITY = { name: "quality", kind: "builtin" };
const FK = { name: "fk", kind: "http", url: "http://h/score" };

const textOf = (from: readonly string[] | undefined, more: object = {}): string =>
  describePairs(testConfig("/project", { judges: [QUALITY, FK], pairs: { main: from === undefined ? {} : { from } }, ...more })).text;

it.each([
  [["people"], "main is linked by people"],
  [["people", "fk"], "main is linked by people, then fk"],
  [["quality"], "main is linked by quality"],
  [["people", "quality"], "main is linked by people, then quality (quality only until somebody votes)"],
  [["quality", "people"], "main is linked by quality, then people (quality only until somebody votes)"],
  // As sources stand where none are named: people, then the judges as listed.
  [undefined, "main is linked by people, then fk (never by quality: a technical score, beside others)"],
])("says who links from %j", (from, text) => {
  expect(textOf(from)).toBe(text);
});

it("says under which criterion judges do", () => {
  const criteria = ["overall", "text", "style"];
  expect(textOf(["people", "fk"], { criteria })).toBe("main is linked by people, then fk; under text and style by people alone");
  expect(textOf(["fk"], { criteria })).toBe("main is linked by fk; under text and style by nobody");
  expect(textOf(["people"], { criteria })).toBe("main is linked by people");
});
