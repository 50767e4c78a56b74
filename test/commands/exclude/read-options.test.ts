import { describe, expect, it } from "vitest";
import { parseMoment } from "../../../src/commands/exclude/read-options.ts";
import { ConfigError } from "../../../src/errors.ts";

const NOW = new Date(2026, 10, 25, 8, 30).getTime();
const local = (day: number, hours: number, minutes = 0): number => new Date(2026, 10, day, hours, minutes).getTime();

describe("momentOf()", () => {
  it.each([
    ["02:00", local(25, 2)],
    ["8:30", local(25, 8, 30)],
    ["22:15", local(24, 22, 15)],
    ["2026-11-24", local(24, 0)],
    ["2026-11-24T02:00", local(24, 2)],
    ["2026-11-24 02:00:30", local(24, 2) + 30_000],
    ["2026-11-24T02:00Z", Date.UTC(2026, 10, 24, 2)],
    ["2026-11-24T02:00:00.5+01:00", Date.UTC(2026, 10, 24, 1) + 500],
  ])("reads %s", (text, expected) => {
    expect(parseMoment("--since", text, { nowMs: NOW, afterMs: null })).toBe(expected);
  });

  it.each([
    ["09:00", local(25, 2), local(25, 9)],
    ["05:30", local(25, 2), local(25, 5, 30)],
    ["02:00", local(24, 22), local(25, 2)],
    ["02:00", local(25, 2), local(26, 2)],
    ["2026-11-24", local(25, 2), local(24, 0)],
  ])("takes %s for the end of a time that began at %d", (text, afterMs, expected) => {
    expect(parseMoment("--until", text, { nowMs: NOW, afterMs })).toBe(expected);
  });

  it.each(["", "24:00", "now", "2026-02-30", "2026-13-01", "2026-11-24T25:00", "2026-11-24T02", "1e3", "-1"])("refuses %j", (text) => {
    expect(() => parseMoment("--until", text, { nowMs: NOW, afterMs: null })).toThrow(ConfigError);
  });
});
