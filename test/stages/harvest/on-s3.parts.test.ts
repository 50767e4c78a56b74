import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s3Store } from "../../../src/stores/s3/s3.ts";
import { FIFTH_BAD, hastyClock, openSockets } from "../../helpers/bad-night.ts";
import { harvestBench } from "../../helpers/harvest-bench.ts";
import { requirePart } from "../../helpers/parts.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";

describe.skipIf(!requirePart("seaweedfs", findWeed() !== undefined))("500 images, a fifth of the answers bad, into S3", () => {
  let seaweed: Seaweed;
  beforeAll(async () => {
    Object.assign(process.env, SEAWEED_CREDENTIALS);
    seaweed = await startSeaweed();
  }, 60_000);
  afterAll(() => seaweed.stop());

  test("all stored, none bad, no socket left", async () => {
    const socketsBefore = openSockets();
    const store = await s3Store({ uri: `s3://${seaweed.bucket}/run`, endpoint: seaweed.endpoint, concurrency: 16 });
    {
      await using bench = await harvestBench({ servers: 2, store });
      await bench.generate(125, { batchSize: 4 });
      for (const emulator of bench.emulators) emulator.setFaults(FIFTH_BAD);
      await bench.harvestAll({ clock: hastyClock, generate: { max_attempts: 9 } }); // Each new file may be hit anew.
      expect(bench.states("images")).toEqual({ stored: 500 });
      await bench.expectStoreIsSound();
      await store.close();
    }
    await expect.poll(openSockets).toBeLessThanOrEqual(socketsBefore);
  }, 60_000);
});
