import { describe, expect, test } from "vitest";
import { openFixture } from "./fixture-database.ts";

describe("exportDataset()", () => {
  test("writes a version, and finds it unchanged", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", meta: { Category: "Animals" }, scores: [0.81, 0.12, 0.1] });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v1", rows: 1 });
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "v1", rows: 1 });
  });
});
