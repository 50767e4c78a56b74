import { expect, it } from "vitest";
import { escapeHtml } from "../../../src/commands/report/html.ts";

it("shows what HTML may not hold", () => {
  expect(escapeHtml(`a\u0000b\u001b[31m <"&'>\n\tc\u009b`)).toBe("a\\x00b\\x1b[31m &#60;&#34;&#38;&#39;&#62;\n\tc\\x9b");
});
