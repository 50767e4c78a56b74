import { jobApiAt } from "./job-apis.ts";

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
