import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { csvField } from "../../../../src/stages/export/make/images-csv.ts";
import { contentDigest, type VersionContent } from "../../../../src/stages/export/versions/content-digest.ts";

const KEY = `images/0ab/i_${"0".repeat(32)}.png`;

interface Wanted {
  readonly place?: string;
  readonly prompt?: string;
  readonly key?: string;
  readonly uriBase?: string | null | undefined;
  readonly gzip?: boolean;
  readonly card?: string;
  readonly more?: Partial<VersionContent>;
}

function digest({ place = "file:///a/images/", prompt = "a cat", key = KEY, gzip = false, card = "", more = {}, ...rest }: Wanted = {}) {
  const uri = JSON.stringify(`${place}${key}`);
  const row = Buffer.from(`{"prompt":${JSON.stringify(prompt)},"chosen":{"uri":${uri}},"rejected":[{"uri":${uri}}]}\n`);
  const data = gzip ? gzipSync(row) : row;
  const path = gzip ? "data/train-00000-of-00001.jsonl.gz" : "data/train-00000-of-00001.jsonl";
  const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");
  const bytes = new Map<string, Buffer>([
    [path, data],
    ["images.csv", Buffer.from(`uri,sha256,bytes\n${csvField(place + key)},${"0".repeat(64)},7\n`)],
    ["README.md", Buffer.from(`description: rows sha256:${sha256(data)}\n${card}`)],
    ["stats.json", Buffer.from("{}")],
  ]);
  const files = [...bytes].map(([name, content]) => ({ path: name, sha256: sha256(content) }));
  return contentDigest({
    files,
    dataFiles: [{ path, rows: 1 }],
    images: null,
    since: null,
    uriBase: "uriBase" in rest ? rest.uriBase : null,
    read: (name) =>
      Promise.resolve(
        (async function* () {
          yield bytes.get(name)!;
        })(),
      ),
    ...more,
  });
}

test("equal content has one digest wherever its store lay", async () => {
  const own = await digest();
  for (const place of ["file:///b/deep/images/", "s3://bucket/", "s3://bucket/pre fix,ü/", 's3://bucket/a"b/'])
    expect([place, await digest({ place })]).toEqual([place, own]);
  expect(await digest({ place: "s3://bucket/", gzip: true })).toBe(await digest({ gzip: true }));
});

test("other content has another", async () => {
  const others = await Promise.all([
    digest(),
    digest({ prompt: "a dog" }),
    digest({ key: KEY.replace("i_0", "i_1") }),
    digest({ gzip: true }),
    digest({ card: "licence" }),
    digest({ uriBase: "https://data.example/" }),
    digest({ more: { images: '{"quality":90}' } }),
    digest({ more: { since: { version: "v1", manifestSha256: "0" } } }),
  ]);
  expect(new Set(others).size).toBe(others.length);
});

test("a base that was asked for is content; where a version does not say it, its URIs do", async () => {
  const asked = { place: "https://data.example/", uriBase: "https://data.example/" };
  expect(await digest({ ...asked, uriBase: undefined })).toBe(await digest(asked));
  expect(await digest({ uriBase: undefined })).toBe(await digest());
  expect(await digest({ ...asked, place: "https://other.example/", uriBase: "https://other.example/" })).not.toBe(await digest(asked));
});

test("of files with images it tells rows and settings, whose bytes hold the place", async () => {
  const parquet = (sha256: string, rows = 1): Promise<string> =>
    digest({
      more: { files: [{ path: "parquet/x.parquet", sha256 }], dataFiles: [{ path: "parquet/x.parquet", format: "parquet", rows }] },
    });
  expect(await parquet("1")).toBe(await parquet("2"));
  expect(await parquet("1", 2)).not.toBe(await parquet("1"));
});

test("a damaged list of images is an error, not a digest", async () => {
  await expect(
    digest({
      more: {
        read: () =>
          (async function* () {
            yield Buffer.from("uri\n");
          })(),
      },
    }),
  ).rejects.toThrow(RangeError);
});
