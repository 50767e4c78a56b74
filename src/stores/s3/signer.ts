import type { S3Client } from "@aws-sdk/client-s3";
import type { SignatureV4 } from "@smithy/signature-v4";
import type { S3Target } from "./target.ts";

export interface ToSign {
  readonly target: S3Target;
  /** Escaped. */
  readonly path: string;
  /** With x-amz-content-sha256; without host. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs PUTs as the SDK does, with its credentials (renewed as it renews them) and its idea of the store's clock. */
export async function openSigner(
  config: Pick<S3Client["config"], "credentials" | "sha256" | "systemClockOffset">,
): Promise<(request: ToSign) => Promise<Record<string, string>>> {
  const smithy = await import("@smithy/signature-v4");
  const signers = new Map<string, SignatureV4>();

  function signerFor({ region, service }: S3Target): SignatureV4 {
    const name = `${region} ${service}`;
    const signer =
      signers.get(name) ??
      // Paths are escaped once in S3, and stay as they are.
      new smithy.SignatureV4({ service, region, credentials: config.credentials, sha256: config.sha256, uriEscapePath: false });
    signers.set(name, signer);
    return signer;
  }

  return async ({ target, path, headers }) => {
    const { protocol, hostname, port } = target;
    const host = port === undefined ? hostname : `${hostname}:${port}`;
    const unsigned = { method: "PUT", protocol, hostname, path, query: {}, headers: { ...headers, host } };
    const signed = await signerFor(target).sign(unsigned, { signingDate: new Date(Date.now() + config.systemClockOffset) });
    return signed.headers;
  };
}
