import type { Config } from "../../../config/schema.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { rowColumns, type Field } from "../../../exporters/row-columns.ts";
import { meaningOf } from "./card-columns.ts";
import { checksumsText, sha256Of } from "../make/checksums.ts";
import { isRowFile, type DataFile } from "../make/manifest.ts";
import { TABLES } from "../tables/registry.ts";

export const CROISSANT = "croissant.json";

export interface CroissantFacts {
  readonly config: Pick<Config, "dataset" | "export">;
  readonly layout: RowLayout;
  readonly files: readonly DataFile[];
}

/** Source: MLCommons Croissant Format Specification 1.0, "The Croissant context". */
const CONTEXT = {
  "@language": "en",
  "@vocab": "https://schema.org/",
  citeAs: "cr:citeAs",
  column: "cr:column",
  conformsTo: "dct:conformsTo",
  cr: "http://mlcommons.org/croissant/",
  data: { "@id": "cr:data", "@type": "@json" },
  dataType: { "@id": "cr:dataType", "@type": "@vocab" },
  dct: "http://purl.org/dc/terms/",
  equivalentProperty: "cr:equivalentProperty",
  examples: { "@id": "cr:examples", "@type": "@json" },
  extract: "cr:extract",
  field: "cr:field",
  fileObject: "cr:fileObject",
  fileProperty: "cr:fileProperty",
  fileSet: "cr:fileSet",
  format: "cr:format",
  includes: "cr:includes",
  isLiveDataset: "cr:isLiveDataset",
  jsonPath: "cr:jsonPath",
  key: "cr:key",
  md5: "cr:md5",
  parentField: "cr:parentField",
  path: "cr:path",
  rai: "http://mlcommons.org/croissant/RAI/",
  recordSet: "cr:recordSet",
  references: "cr:references",
  regex: "cr:regex",
  repeated: "cr:repeated",
  replace: "cr:replace",
  samplingRate: "cr:samplingRate",
  sc: "https://schema.org/",
  separator: "cr:separator",
  source: "cr:source",
  subField: "cr:subField",
  transform: "cr:transform",
} as const;

const DATA_TYPES = { string: "sc:Text", int64: "sc:Integer", uint64: "sc:Integer", float64: "sc:Float", bool: "sc:Boolean" } as const;

/** Readers recognise gzip by its first bytes. */
const FORMAT = "application/jsonlines";

/**
 * Writes `croissant.json`: the rows of all tables in MLCommons Croissant 1.0 (JSON-LD). It has neither place, version nor time in it, so
 * that equal rows give equal bytes.
 */
export function croissantText({ config, layout, files }: CroissantFacts): string {
  const { license, license_link: link, authors } = config.export.card;
  // Files with images describe themselves.
  const own = files.filter(({ format }) => format === undefined);
  const croissant = {
    "@context": CONTEXT,
    "@type": "sc:Dataset",
    conformsTo: "http://mlcommons.org/croissant/1.0",
    name: config.dataset,
    description: "Preference pairs for training text-to-image models: a prompt, the image that was chosen, and those that were rejected.",
    // Croissant requires a version. The rows decide it.
    version: `1.0.0+${sha256Of(checksumsText(own)).slice(0, 16)}`,
    ...(license === null ? {} : { license: link ?? license }),
    ...(authors === null ? {} : { creator: [authors].flat().map((name) => ({ "@type": "sc:Person", name })) }),
    distribution: own.map(({ path, sizeBytes, sha256 }) => ({
      "@type": "cr:FileObject",
      "@id": path,
      name: path,
      contentUrl: path,
      contentSize: `${sizeBytes} B`,
      encodingFormat: FORMAT,
      sha256,
    })),
    // A record set for each file: Croissant's file sets are for archives and repositories only.
    recordSet: tablesIn(own, layout).flatMap((table) =>
      [...Map.groupBy(table.files, ({ split }) => split)].flatMap(([split, parts]) =>
        parts.map(({ path }, index) =>
          recordSet(`${table.prefix}${split}${parts.length === 1 ? "" : `-${String(index).padStart(5, "0")}`}`, { path, ...table }),
        ),
      ),
    ),
  };
  return `${JSON.stringify(croissant, null, 2)}\n`;
}

interface DescribedTable {
  /** Stands before the split in the names of record sets, because every table has the same splits. */
  readonly prefix: string;
  readonly fields: readonly Field[];
  /** Returns what a column means. A column inside an image has a point before its name. */
  readonly meaning: (name: string) => string;
}

function tablesIn(files: readonly DataFile[], layout: RowLayout): readonly (DescribedTable & { readonly files: readonly DataFile[] })[] {
  const rows = { prefix: "", fields: rowColumns(layout), meaning: meaningOf, files: files.filter(isRowFile) };
  const beside = TABLES.map((table) => ({
    prefix: `${table.name}-`,
    fields: table.fields(layout),
    meaning: (column: string): string => table.meanings[column] ?? "",
    files: files.filter((file) => file.table === table.name),
  }));
  return [rows, ...beside];
}

function recordSet(name: string, { path, fields, meaning }: DescribedTable & { readonly path: string }): object {
  const described = fields.map((column) => field(column, { id: `${name}/${column.name}`, path, column: column.name, meaning }));
  return { "@type": "cr:RecordSet", "@id": name, name, field: described };
}

interface Place extends Pick<DescribedTable, "meaning"> {
  readonly id: string;
  /** Path of the file. */
  readonly path: string;
  /** Top-level key of a row. */
  readonly column: string;
  /** Key inside it. */
  readonly inner?: string;
}

function field({ name, feature }: Field, { id, path, column, inner, meaning }: Place): object {
  const common = { "@type": "cr:Field", "@id": id, name: id, description: meaning(inner === undefined ? name : `.${name}`) };
  const whole = { fileObject: { "@id": path }, extract: { column } };
  if ("dtype" in feature) {
    const source = { ...whole, ...(inner === undefined ? {} : { transform: { jsonPath: inner } }) };
    return { ...common, dataType: DATA_TYPES[feature.dtype], source };
  }
  if ("items" in feature) return { ...common, dataType: DATA_TYPES[feature.items.dtype], repeated: true, source: whole };
  const fields = "struct" in feature ? feature.struct : feature.list;
  const subField = fields.map((own) => field(own, { id: `${id}/${own.name}`, path, column, inner: own.name, meaning }));
  return { ...common, ...("list" in feature ? { repeated: true } : {}), subField };
}
