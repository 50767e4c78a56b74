import { afterEach, describe, expect, it } from "vitest";
import { forgetHiddenWords, hideWords, withoutHiddenWords } from "../../../src/lib/terminal/hidden-words.ts";

afterEach(forgetHiddenWords);

describe("withoutHiddenWords()", () => {
  it("masks words in the forms that texts carry them in", () => {
    hideWords(['a secret/with "quotes"', "plain-secret"]);
    expect(withoutHiddenWords('x plain-secret, {"k":"a secret/with \\"quotes\\""} ?k=a%20secret%2Fwith%20%22quotes%22')).toBe(
      'x ***, {"k":"***"} ?k=***',
    );
  });

  it("leaves short words alone: they would blank out ordinary ones", () => {
    hideWords(["fox", ""]);
    expect(withoutHiddenWords("a red fox")).toBe("a red fox");
  });
});
