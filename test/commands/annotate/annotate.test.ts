import { describe, expect, it } from "vitest";
import { refuseOptions } from "../../../src/commands/annotate/annotate.ts";
import { ConfigError } from "../../../src/errors.ts";

describe("refuseOptions()", () => {
  it.each([
    ["", "host", "annotate serve"],
    ["", "insecure", "annotate serve"],
    ["invite", "port", "annotate serve"],
    ["revoke", "undo", "annotate exclude"],
    ["serve", "undo", "annotate exclude"],
    ["serve", "format", "annotate import and annotate export-tasks"],
    ["serve", "prompts", "annotate.people.prompts: N"],
    ["people", "prompts", "annotate and annotate export-tasks"],
  ])("refuses what the action %o would not look at: %s", (action, option, hint) => {
    const refuse = (): void => refuseOptions(action, { [option]: "x" });
    expect(refuse).toThrow(ConfigError);
    expect(refuse).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint) }));
  });

  it("takes what belongs to the action, and what all of them take", () => {
    const calls = [
      () => refuseOptions("serve", { host: "::1", port: "0", insecure: true }),
      () => refuseOptions("exclude", { undo: true }),
      () => refuseOptions("", { prompts: "3" }),
      () => refuseOptions("export-tasks", { prompts: "3", task: "rank" }),
    ];
    for (const call of calls) expect(call).not.toThrow();
  });
});
