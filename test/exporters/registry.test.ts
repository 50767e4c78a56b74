import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openExporter } from "../../src/exporters/registry.ts";
import { exporterContract } from "../contracts/exporter.ts";

/** A new exporter joins here. */
const REGISTERED = ["jsonl"];

for (const format of REGISTERED) exporterContract(format, () => openExporter(format));

describe("openExporter()", () => {
  test.each(["parquet", "toString", "__proto__", ""])("refuses %j with a hint that names what there is", async (format) => {
    const error = await openExporter(format).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).hint).toBe(`export.formats knows ${REGISTERED.join(", ")}`);
  });
});
