import type { ImageFormatName } from "../../src/exporters/image-format.ts";
import { loadImageFormat } from "../../src/exporters/registry.ts";
import { imageFormatContract } from "../contracts/image-format.ts";

/** The compiler asks for every name of the configuration here, too. */
const FORMATS: Readonly<Record<ImageFormatName, true>> = { parquet: true, webdataset: true, imagefolder: true, winlose: true };

for (const format of Object.keys(FORMATS) as ImageFormatName[]) imageFormatContract(format, () => loadImageFormat(format));
