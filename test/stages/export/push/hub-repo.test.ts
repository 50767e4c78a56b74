import { describe, expect, test } from "vitest";
import { FatalError } from "../../../../src/errors.ts";
import { openHubRepo } from "../../../../src/stages/export/push/hub-repo.ts";

const TOKEN = "hf_secretsecret";

/** A repository at a host that answers every request so. */
const hubThatAnswers = (body: string) =>
  openHubRepo({
    endpoint: "http://hub.example",
    token: TOKEN,
    repo: "me/set",
    branch: "main",
    fetch: () => Promise.resolve(new Response(body, { headers: { "content-type": "application/json" } })),
  });

describe.each(["{}", "null", "[]", "7", "<html>login</html>", '{"error":"x"}'])("a host that answers %s in place of the Hub", (body) => {
  test("is told as such, whatever it is asked", async () => {
    const hub = await hubThatAnswers(body);
    const add = [{ path: "a.txt", content: new Blob(["a"]) }];
    const calls = [
      () => hub.ensure({ isPrivate: true }),
      () => hub.files(),
      () => hub.commit({ title: "t", add, remove: [], signal: new AbortController().signal, onProgress: () => undefined }),
    ];
    for (const call of calls) {
      const error = await call().then(
        () => null,
        (thrown: unknown) => thrown as Error,
      );
      if (error === null) continue; // An answer that the call needs nothing of.
      expect(error, error.message).toMatchObject({ hint: expect.stringMatching(/HF_ENDPOINT|private/) as string });
      expect(error.message).not.toContain(TOKEN);
    }
    await expect(calls[2]!()).rejects.toBeInstanceOf(FatalError);
  });
});
