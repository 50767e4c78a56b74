import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { findFreePorts } from "./free-ports.ts";

/** A real S3 server in a temporary folder. */
export interface Seaweed {
  readonly endpoint: string;
  readonly bucket: string;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

/** The server's credentials; set in the environment, where the AWS chain looks first. */
export const SEAWEED_CREDENTIALS = { AWS_ACCESS_KEY_ID: "test-access-key", AWS_SECRET_ACCESS_KEY: "test-secret-key" } as const;

/** The `weed` program: $WEED_BIN, else in PATH, else in the repository's .venv. Undefined if it is nowhere. */
export function findWeed(): string | undefined {
  const inPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "weed"));
  const inVenv = join(import.meta.dirname, "../../.venv/bin/weed");
  return [process.env["WEED_BIN"] ?? "", ...inPath, inVenv].find((file) => file !== "" && isExecutable(file));
}

/** Starts SeaweedFS on free ports and resolves once its bucket answers. */
export async function startSeaweed(bucket = "testbucket"): Promise<Seaweed> {
  const weed = findWeed();
  if (weed === undefined) throw new Error("no weed program");
  const dir = await mkdtemp(join(tmpdir(), "comfy-dpo-weed-"));
  const [s3, s3Grpc, master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, admin, adminGrpc] = await findFreePorts(10);
  const ports = [
    `-s3.port=${s3}`,
    `-s3.port.grpc=${s3Grpc}`,
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    `-master.port=${master}`,
    `-master.port.grpc=${masterGrpc}`,
    `-volume.port=${volume}`,
    `-volume.port.grpc=${volumeGrpc}`,
    `-filer.port=${filer}`,
    `-filer.port.grpc=${filerGrpc}`,
    `-admin.port=${admin}`,
    `-admin.port.grpc=${adminGrpc}`,
  ];
  const quiet = ["-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.autoCreateBucket=false"];
  const server = spawn(weed, ["mini", `-dir=${dir}`, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", `-bucket=${bucket}`, ...ports, ...quiet], {
    env: { ...process.env, ...SEAWEED_CREDENTIALS },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<void>((resolve) => server.once("close", () => resolve()));
  const stop = async (): Promise<void> => {
    server.kill("SIGKILL");
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${s3}`;
  try {
    await until(async () => server.exitCode !== null || (await hasBucket(endpoint, bucket)));
    if (server.exitCode !== null) throw new Error("it ended");
  } catch (error) {
    await stop();
    throw new Error(`Cannot start ${weed}: ${output.slice(-2_000)}`, { cause: error });
  }
  return { endpoint, bucket, stop };
}

/** False until the server listens, knows its credentials and has made the bucket. */
async function hasBucket(endpoint: string, bucket: string): Promise<boolean> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = SEAWEED_CREDENTIALS;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials, maxAttempts: 1 });
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
    return true;
  } catch {
    return false; // Whatever is not ready yet: the caller has a deadline and shows the server's output.
  } finally {
    client.destroy();
  }
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(`not ready after ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not to be run.
  }
}
