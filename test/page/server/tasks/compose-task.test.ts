import { afterEach, describe, expect, it } from "vitest";
import { openVotingPage, type VotingPage } from "../../../helpers/voting-page.ts";

let page: VotingPage;
afterEach(() => page[Symbol.asyncDispose]());

/** Returns the prompt as a browser gets it. */
async function shown(prompt: string): Promise<string> {
  page = await openVotingPage();
  page.addPrompt("x", 2);
  page.dataset.db.client.prepare("update prompts set prompt = ?").run(prompt);
  await page.scan();
  return page.person("ann").next().prompt;
}

describe("composeTask()", () => {
  it.each(["", "<img src=x onerror=alert(1)>", "\u202egnp.txt\u202c نص", "a".repeat(10_000), "\0\n\t"])(
    "shows a prompt as it is: %j",
    async (prompt) => {
      expect(await shown(prompt)).toBe(prompt);
    },
  );

  it("cuts a long text, says so, and cuts no character in half", async () => {
    const emoji = "😀".repeat(1_500_000);
    const cut = await shown(`x${emoji}`);
    expect(cut.length).toBeLessThan(10_100);
    expect(cut.isWellFormed()).toBe(true);
    expect(cut.endsWith(`… [+${emoji.length + 1 - 9_999}]`)).toBe(true);
  });
});
