import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load-config.ts";
import { refuseUnfedPolicies } from "../../../src/config/checks/refuse-unfed-policies.ts";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "unfed-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What is said of a configuration whose `annotate` is this; "" where it passes. */
function refusal(annotate: object, asking: boolean): string {
  const file = join(dir, "c.yaml");
  const config = {
    dataset: "d",
    prompts: { file: "p.txt" },
    workflow: { file: "w.json", bind: { prompt: "2.text", seed: "4.seed" } },
    servers: [{ url: "http://127.0.0.1:8188" }],
    annotate,
  };
  writeFileSync(file, JSON.stringify(config));
  try {
    refuseUnfedPolicies(loadConfig(file, { env: {} }), { asking });
    return "";
  } catch (error) {
    return String(error);
  }
}

const asked = (annotate: object) => refusal(annotate, true);
const checked = (annotate: object) => refusal(annotate, false);

describe("refuseUnfedPolicies()", () => {
  it.each(["best-worst", "all", "adjacent"])("refuses %s of votes for the best alone", (policy) => {
    for (const said of [asked({ pairs: { policy } }), checked({ pairs: { from: ["people"], policy } })]) {
      expect(said).toContain(`annotate.pairs has policy: ${policy}`);
      expect(said).toContain("task is best");
    }
    expect(checked({ pairs: { policy }, people: { overlap: 2 } })).toContain(policy);
    expect(checked({ pairs: { main: { policy: "best-rest" }, strict: { policy, from: ["people"] } } })).toContain(
      `annotate.pairs.strict has policy: ${policy}`,
    );
  });

  it.each(["pair", "best-worst", "rank"])("takes every policy with the task %s", (task) => {
    for (const policy of ["best-rest", "best-worst", "all", "adjacent"])
      expect(checked({ pairs: { from: ["people"], policy }, people: { task } })).toBe("");
  });

  it("takes what fits, and what judges decide", () => {
    expect(asked({})).toBe("");
    expect(asked({ pairs: { policy: "best-worst", from: ["quality"] } })).toBe("");
    expect(checked({ pairs: { policy: "best-worst" } })).toBe(""); // Nothing here speaks of people.
  });
});
