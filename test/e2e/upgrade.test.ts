import { describe, expect, it } from "vitest";
import { OLD_DATASETS, unpackOldDataset } from "../helpers/old-datasets.ts";
import { runCli } from "../helpers/run-cli.ts";

// Datasets that earlier programs made, in the hands of this one.

describe.each(OLD_DATASETS)("a dataset of schema %s", (name) => {
  it("is exported with the rows that its own program exported last, with the digits rounded by one rule", async () => {
    using old = unpackOldDataset(name);
    const before = old.latest();
    expect((await runCli(["link", "-c", old.config])).exit).toBe(3);
    const status = await runCli(["status", "-c", old.config, "--json"]);
    const exported = (status.events[0] ?? {})["exports"] as { version: string; kind: string }[]; // Our own event.
    const kinds = Object.fromEntries(exported.map(({ version, kind }) => [version, kind]));
    // Until 0001 a trial did not say that it is one.
    const trial = name === "0000" ? "whole" : "trial";
    expect(kinds).toEqual({ v1: trial, v2: "whole", v3: before === "v3" ? "whole" : "part", ...(before === "v4" ? { v4: "whole" } : {}) });
    // A name of its own: an old version may have this content already.
    const { exit, stderr } = await runCli(["export", "--as", "now", "-c", old.config]);
    expect(stderr).toMatch(/^Exported \d+ rows? as now/m);
    // Jobs of these datasets failed; nothing else is amiss.
    expect(exit, stderr).toBe(3);
    expect(old.latest()).toBe("now");
    for (const version of ["v1", "v2", before, "now"]) {
      const verified = await runCli(["verify", version, "-c", old.config]);
      expect(verified.stdout, verified.stderr).toContain("All is well");
    }
    const moved = (row: Readonly<Record<string, unknown>>): unknown =>
      JSON.parse(JSON.stringify(row).replaceAll(`${old.place.before}/`, `${old.place.now}/`));
    expect(old.rows("now").map(rounded)).toEqual(old.rows(before).map(moved).map(rounded));
  });
});

/** A row whose numbers have five decimals: those of earlier programs were rounded to six by two rules. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Math.round(value * 1e5) / 1e5;
  if (typeof value === "string" && value.startsWith("{")) return rounded(JSON.parse(value));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, rounded(entry)] as const));
  }
  return value;
}
