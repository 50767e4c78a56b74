import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A URL in its normal form, or why it is none that we use. */
export type CheckedUrl = { readonly url: string } | { readonly why: string };

/** Checks the address of a ComfyUI server: http or https, no user, query or fragment; without a slash at its end. */
export function checkServerUrl(text: string): CheckedUrl {
  const checked = checkHttpUrl(text);
  if ("why" in checked) return checked;
  const other = jobApiAt(new URL(checked.url));
  if (other === undefined) return checked;
  return {
    why: `is ${other.name}; a server is anything that speaks ComfyUI's own API (POST /prompt, GET /history, GET /view), also under a path: ${other.instead}`,
  };
}

/** Checks any http or https address that we send requests to; without a slash at its end. */
export function checkHttpUrl(text: string): CheckedUrl {
  // A text with @ may hold a password: it is not repeated.
  const nearby = /^[\w.:-]+$/.test(text) ? ` (did you mean http://${text}?)` : "";
  if (!URL.canParse(text)) return { why: `is no URL, expected http://host:port or https://host${nearby}` };
  const url = new URL(text);
  // "localhost:8188" is a URL of the scheme "localhost:".
  if (url.protocol !== "http:" && url.protocol !== "https:") return { why: `is neither http:// nor https://${nearby}` };
  if (url.username !== "" || url.password !== "") return { why: "holds a user name or password; `headers` is the place for secrets" };
  if (url.search !== "" || url.hash !== "") return { why: "holds a query or fragment (? or #); `headers` is the place for tokens" };
  return { url: url.href.replace(/\/+$/, "") };
}

/** A service that runs ComfyUI behind an API of its own. */
interface JobApi {
  readonly name: string;
  /** The hint for the user. */
  readonly instead: string;
}

interface KnownHost extends JobApi {
  readonly is: (url: URL) => boolean;
}

const underDomain =
  (domain: string) =>
  ({ hostname }: URL): boolean =>
    hostname === domain || hostname.endsWith(`.${domain}`);

const OWN_COMFY = "give the address of a ComfyUI of your own";

/** Recognised by their hosts. Sources: each service's API reference; pods, plain containers and servers for rent are not among them. */
const KNOWN_HOSTS: readonly KnownHost[] = [
  { name: "Comfy Cloud", is: underDomain("comfy.org"), instead: OWN_COMFY },
  {
    name: "RunPod's serverless API",
    is: (url) =>
      ["api.runpod.ai", "api.runpod.io", "rest.runpod.io"].includes(url.hostname) ||
      (underDomain("runpod.ai")(url) && /^\/v\d+\//.test(url.pathname)),
    instead: "start ComfyUI in a pod and give its https://<pod>-8188.proxy.runpod.net",
  },
  {
    name: "Salad's job API",
    is: ({ hostname }) => hostname === "api.salad.com",
    instead: "give the access domain name of a container group that runs plain ComfyUI (https://<name>.salad.cloud)",
  },
  { name: "Replicate", is: underDomain("replicate.com"), instead: OWN_COMFY },
  { name: "fal", is: (url) => underDomain("fal.run")(url) || underDomain("fal.ai")(url), instead: OWN_COMFY },
  {
    name: "Modal's API",
    is: ({ hostname }) => hostname === "api.modal.com",
    instead: "serve ComfyUI itself with @modal.web_server, in one container, and give its address",
  },
  {
    name: "RunComfy's serverless API",
    is: (url) => underDomain("runcomfy.net")(url),
    instead: "start a server there and give its https://<server>-comfyui.runcomfy.com",
  },
  { name: "ComfyDeploy", is: underDomain("comfydeploy.com"), instead: OWN_COMFY },
  { name: "ComfyICU", is: underDomain("comfy.icu"), instead: OWN_COMFY },
];

/** The service behind an address, undefined for anything that may be ComfyUI itself. */
function jobApiAt(url: URL): JobApi | undefined {
  return KNOWN_HOSTS.find(({ is }) => is(url));
}

/** A URI in its absolute form, or why it is none that we use. */
export type CheckedUri = { readonly uri: string } | { readonly why: string };

/** AWS's rules for names of general purpose buckets, without those that only AWS's own suffixes need. */
const BUCKET = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * Makes a store's URI absolute: `s3://bucket/prefix` (without slashes at its end), or `file:folder` and `file:///folder` as
 * `file:///…`. Folders are relative to `dir`.
 */
export function resolveStoreUri(uri: string, dir: string): CheckedUri {
  if (uri.startsWith("s3:")) return checkS3Uri(uri);
  if (!uri.startsWith("file:"))
    return {
      why: `is no store, expected s3://bucket/prefix or file:folder${/^\w+:/.test(uri) ? "" : " (a folder needs file: before it)"}`,
    };
  if (!uri.startsWith("file://")) {
    const folder = uri.slice("file:".length);
    return folder === "" ? { why: "names no folder: expected file:folder" } : { uri: pathToFileURL(resolve(dir, folder)).href };
  }
  // In file://images/a the first part would be a host.
  if (!uri.startsWith("file:///")) return { why: "names a host: expected file:folder or file:///absolute/folder" };
  try {
    return { uri: pathToFileURL(resolve(fileURLToPath(uri))).href };
  } catch {
    return { why: "holds a % that stands for no character of a path: write %25, or file:folder, which takes % as it is" };
  }
}

/** A folder for the export as an absolute path (relative ones start at `dir`), or an S3 URI. */
export function resolveExportUri(uri: string, dir: string): CheckedUri {
  if (/^(?:s3|file):/.test(uri)) {
    const checked = resolveStoreUri(uri, dir);
    return "uri" in checked && checked.uri.startsWith("file:") ? { uri: fileURLToPath(checked.uri) } : checked;
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(uri)) return { why: "is no place to export to: expected a folder or s3://bucket/prefix" };
  if (uri === "") return { why: "is empty, expected a folder or s3://bucket/prefix" };
  return { uri: isAbsolute(uri) ? resolve(uri) : resolve(dir, uri) };
}

function checkS3Uri(uri: string): CheckedUri {
  const [, bucket, path = ""] = /^s3:\/\/([^/?#]*)(\/[^?#]*)?$/.exec(uri) ?? [];
  if (bucket === undefined || bucket === "") return { why: "names no bucket: expected s3://bucket/prefix" };
  if (!BUCKET.test(bucket)) {
    return {
      why: `names a bucket that no store allows, expected 3 to 63 lower-case letters, digits, '-' and '.', a letter or digit first and last`,
    };
  }
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.some((part) => part === "." || part === "..")) return { why: "has . or .. in its prefix" };
  return { uri: [`s3://${bucket}`, ...parts].join("/") };
}
