/** A service that runs ComfyUI behind an API of its own. */
export interface JobApi {
  readonly name: string;
  /** What to do instead. */
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
export function jobApiAt(url: URL): JobApi | undefined {
  return KNOWN_HOSTS.find(({ is }) => is(url));
}
