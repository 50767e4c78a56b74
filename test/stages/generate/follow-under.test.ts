import { describe, expect, it } from "vitest";
import type { GivenPromptId } from "../../../src/db/queries/server-prompt-id.ts";
import { FatalError } from "../../../src/errors.ts";
import { followUnder } from "../../../src/stages/generate/follow-under.ts";
import type { OutJob } from "../../../src/stages/generate/server-state.ts";
import { ownPrompts } from "../../../src/stages/generate/whose-prompt.ts";
import { outJob } from "./out-job.ts";

function bench(accepts = true) {
  const remembered: GivenPromptId[] = [];
  const out = outJob("sent");
  const server = { client: { url: "http://1" }, out: new Map<string, OutJob>([["sent", out]]) };
  const run = { rememberPromptId: (given: GivenPromptId) => (remembered.push(given), accepts) };
  return { remembered, out, server, run };
}

describe("followUnder()", () => {
  it("takes the server's name for the prompt, and remembers it before all else", () => {
    const { out, server, run, remembered } = bench();
    followUnder(out, "given", { server, run });
    expect([...server.out]).toEqual([["given", out]]);
    expect(out).toMatchObject({ sentId: "sent", job: { promptId: "given" } });
    expect(remembered).toEqual([{ job: out.job.job, sent: "sent", given: "given" }]);
  });

  it("does nothing where the name is known, or the job is no longer out", () => {
    const { out, server, run, remembered } = bench();
    followUnder(out, "sent", { server, run });
    server.out.clear();
    followUnder(out, "given", { server, run });
    expect(remembered).toEqual([]);
    expect(server.out.size).toBe(0);
  });

  it("gives the server up that gives two prompts one id, and leaves the job where it was", () => {
    const { out, server, run } = bench(false);
    expect(() => followUnder(out, "x".repeat(200), { server, run })).toThrow(FatalError);
    expect([...server.out]).toEqual([["sent", out]]);
  });
});

describe("ownPrompts()", () => {
  const mark = (promptId: string) => ({ promptId, job: "j", attempt: 1 });
  const item = (promptId: string, marked: string | null = null) => ({
    number: 0,
    promptId,
    clientId: null,
    mark: marked === null ? null : mark(marked),
  });

  it("knows a prompt by the server's name, by its mark while that is not known, and what was left there by either", () => {
    const named = { ...outJob("a"), job: { ...outJob("a").job, promptId: "A" } };
    const isOurs = ownPrompts({
      out: new Map([
        ["A", named],
        ["b", outJob("b")],
      ]),
      abandoned: new Set(["c"]),
    });
    expect([item("A"), item("A", "a"), item("b"), item("X", "b"), item("c"), item("Y", "c")].map(isOurs)).toEqual(Array(6).fill(true));
    expect([item("x"), item("B"), item("x", "y")].map(isOurs)).toEqual([false, false, false]);
  });
});
