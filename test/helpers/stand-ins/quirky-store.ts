import type { IncomingMessage, ServerResponse } from "node:http";
import { DeleteObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SEAWEED_CREDENTIALS } from "../seaweed.ts";
import { forward, startHttpServer } from "./http-server.ts";

/** An answer that stands in the way of the store's own. */
export interface Refusal {
  readonly status: number;
  /** S3's code; absent: `body` as it is. */
  readonly code?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface QuirkyStoreOptions {
  /** The S3 server that does the work. */
  readonly endpoint: string;
  /** What is answered to a request instead of passing it on; undefined: it is passed on. */
  readonly refuse?: (asked: IncomingMessage) => Refusal | undefined;
  /** Conditional PUTs replace what is there and answer 200. */
  readonly ignoresConditions?: boolean;
}

export interface QuirkyStore extends AsyncDisposable {
  readonly endpoint: string;
  /** `PUT /bucket/key`, in the order of asking. */
  readonly seen: readonly string[];
}

/** Starts an S3 server that differs from AWS as told, in front of one that does not. */
export async function startQuirkyStore({ endpoint, refuse, ignoresConditions = false }: QuirkyStoreOptions): Promise<QuirkyStore> {
  const seen: string[] = [];
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = SEAWEED_CREDENTIALS;
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });

  async function handle(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    seen.push(`${asked.method} ${asked.url?.split("?")[0]}`);
    const refusal = refuse?.(asked);
    if (refusal !== undefined) {
      const { status, code, body = "", headers = {} } = refusal;
      const xml = code === undefined ? body : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>because</Message></Error>`;
      await new Promise((resolve) => asked.resume().once("end", resolve));
      return void answer.writeHead(status, headers).end(asked.method === "HEAD" ? undefined : xml);
    }
    if (ignoresConditions && asked.headers["if-none-match"] !== undefined) {
      // The condition is signed: it stays, and what would fail it goes.
      const [bucket = "", ...key] = decodeURIComponent(asked.url?.split("?")[0] ?? "")
        .slice(1)
        .split("/");
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key.join("/") }));
    }
    // The host that was signed is in the headers.
    forward(asked, answer, endpoint);
  }

  const server = await startHttpServer(handle);
  return {
    endpoint: server.url,
    seen,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      client.destroy();
    },
  };
}
