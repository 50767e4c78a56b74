import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";

export interface S3ClientOptions {
  /** Of an S3-compatible server; undefined for AWS. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
  /** Sockets, ≥ 1. */
  readonly concurrency: number;
  /** Without a byte for so long a socket is given up, ms. */
  readonly stallTimeoutMs: number;
}

export const CONNECT_TIMEOUT_MS = 10_000;

/** The SDK warns on the console about every failed stream, in the middle of a progress line. Errors reach us anyway. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** A client whose settings work on AWS and on what calls itself S3-compatible. */
export async function openS3Client(options: S3ClientOptions): Promise<S3Client> {
  const [{ S3Client }, { NodeHttpHandler }] = await Promise.all([import("@aws-sdk/client-s3"), import("@smithy/node-http-handler")]);
  const agent = { keepAlive: true, maxSockets: options.concurrency };
  return new S3Client({
    ...(options.endpoint === undefined ? forAws(options) : forCompatible(options, options.endpoint)),
    // With the default, bodies from 2 MiB on open a connection each and ignore maxSockets (aws-sdk-js-v3#7450).
    expectContinueHeader: false,
    logger: SILENT,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: options.stallTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
      logger: SILENT,
    }),
  });
}

/** AWS checks a CRC32 that is computed on the way and sent as a trailer. Chunks below 8 KiB would be refused. */
function forAws({ region, pathStyle }: S3ClientOptions): S3ClientConfig {
  return {
    ...(region === undefined ? {} : { region }),
    ...(pathStyle === undefined ? {} : { forcePathStyle: pathStyle }),
    requestStreamBufferSize: 64 * 1024,
  };
}

/**
 * Trailers break R2, GCS, OVH, Alibaba OSS and others, and SeaweedFS keeps `aws-chunked` as the object's encoding
 * (aws-sdk-js-v3#6810): a plain Content-Length is the portable form.
 */
function forCompatible({ region, pathStyle }: S3ClientOptions, endpoint: string): S3ClientConfig {
  // The chain's last link asks an address that exists only inside AWS, and waits for it.
  process.env["AWS_EC2_METADATA_DISABLED"] ??= "true";
  return {
    endpoint,
    region: region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? "us-east-1",
    forcePathStyle: pathStyle ?? true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
}
