import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openExporter, openImageFormat } from "../../src/exporters/registry.ts";
import { exporterContract } from "../contracts/exporter.ts";
import { imageFormatContract } from "../contracts/image-format.ts";

/** A new exporter joins here. */
const REGISTERED = ["jsonl"];
const WITH_IMAGES = ["parquet", "webdataset", "imagefolder", "winlose"];

for (const format of REGISTERED) exporterContract(format, () => openExporter(format));
for (const format of WITH_IMAGES) imageFormatContract(format, () => openImageFormat(format));

describe.each([openExporter, openImageFormat])("%o", (open) => {
  test.each(["avif", "toString", "__proto__", ""])("refuses %j with a hint that names what there is", async (format) => {
    const error = await open(format).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).hint).toBe(`export.formats knows ${[...REGISTERED, ...WITH_IMAGES].join(", ")}`);
  });
});
