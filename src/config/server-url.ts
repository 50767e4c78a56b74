/** A URL in its normal form, or why it is none that we use. */
export type CheckedUrl = { readonly url: string } | { readonly why: string };

/** Services that run ComfyUI behind an API of their own: nothing of ours would work there, and the first error would not say so. */
const OTHER_APIS: readonly { readonly name: string; readonly is: (url: URL) => boolean; readonly instead: string }[] = [
  {
    name: "Comfy Cloud",
    is: ({ hostname }) => hostname === "cloud.comfy.org" || hostname === "api.comfy.org",
    instead: "give the address of a ComfyUI of your own",
  },
  {
    name: "a RunPod serverless endpoint",
    is: ({ hostname, pathname }) => hostname === "api.runpod.ai" || (hostname.endsWith(".runpod.ai") && /^\/v\d+\//.test(pathname)),
    instead: "start ComfyUI in a pod and give its https://<pod>-8188.proxy.runpod.net",
  },
  {
    name: "Salad's job API",
    is: ({ hostname }) => hostname === "api.salad.com",
    instead: "give the access domain name of a container group that runs ComfyUI (https://<name>.salad.cloud)",
  },
];

/** Checks the address of a ComfyUI server: http or https, no user, query or fragment; without a slash at its end. */
export function checkServerUrl(text: string): CheckedUrl {
  const checked = checkHttpUrl(text);
  if ("why" in checked) return checked;
  const other = OTHER_APIS.find(({ is }) => is(new URL(checked.url)));
  if (other === undefined) return checked;
  return {
    why: `is ${other.name}; a server is anything that speaks ComfyUI's own API (POST /prompt, GET /history, GET /view): ${other.instead}`,
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
