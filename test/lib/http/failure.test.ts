import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { serverWords } from "../../../src/lib/http/failure.ts";

test.each([
  ["a packed body", gzipSync("x".repeat(500)).toString("utf8"), "bytes that are no text"],
  ["NUL bytes", "\0".repeat(40), "bytes that are no text"],
  ["words with an escape sequence", "gone \u001b[31m wrong, badly", "gone ?[31m wrong, badly"],
  [
    "words of another charset",
    "Le réseau est tombé aujourd'hui, d\ufffdsol\ufffd, encore une fois",
    "Le réseau est tombé aujourd'hui, d?sol?, encore une fois",
  ],
  ["a page", "<html><title>502 Bad\nGateway</title>", "502 Bad Gateway"],
  ["nothing", "", ""],
])("%s", (_what, text, words) => {
  expect(serverWords(text)).toBe(words);
});
