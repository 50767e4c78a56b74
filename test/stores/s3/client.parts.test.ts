import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FatalError } from "../../../src/errors.ts";
import { s3Store } from "../../../src/stores/s3/s3.ts";
import { requirePart } from "../../helpers/parts.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";
import { openS3Reader, type S3Reader } from "../../../src/stores/s3/client.ts";

const never = new AbortController().signal;

describe.skipIf(!requirePart("seaweedfs", findWeed() !== undefined))("openS3Reader()", () => {
  let seaweed: Seaweed;
  let reader: S3Reader;
  beforeAll(async () => {
    Object.assign(process.env, SEAWEED_CREDENTIALS);
    seaweed = await startSeaweed();
    reader = await openS3Reader({ endpoint: seaweed.endpoint, concurrency: 2 });
  }, 60_000);
  afterAll(async () => {
    reader.close();
    await seaweed.stop();
  });

  test("reads an object that somebody wrote, with its length", async () => {
    const store = await s3Store({ uri: `s3://${seaweed.bucket}/theirs`, endpoint: seaweed.endpoint, concurrency: 1 });
    await store.put("a/b.png", Buffer.from("bytes"), 5, { contentType: "image/png" });
    await store.close();
    const found = await reader.get(`s3://${seaweed.bucket}/theirs/a/b.png`, never);
    expect(found?.sizeBytes).toBe(5);
    expect((await buffer(found!.body)).toString()).toBe("bytes");
  });

  test("null for what is not there, however it is called", async () => {
    expect(await reader.get(`s3://${seaweed.bucket}/a b/ü+%20?x#y.png`, never)).toBeNull();
  });

  test("a bucket that is not there needs a person", async () => {
    await expect(reader.get("s3://no-such-bucket-here/a.png", never)).rejects.toBeInstanceOf(FatalError);
  });
});
