import { ConfigError } from "../../errors.ts";

/**
 * A server's URL in the form that every request is built on: http or https, path prefix kept, no slash at its end.
 * @throws {ConfigError} for anything else, and for secrets in it: they would show up in every message.
 */
export function serverAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new ConfigError("Cannot use the server's URL: it is neither http:// nor https://", { hint: "write it as http://127.0.0.1:8188" });
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new ConfigError(`Cannot use the server's URL at ${url.host}: it holds a user name, password, query or fragment`, {
      hint: "put secrets under servers[].headers",
    });
  }
  return url.href.replace(/\/+$/, "");
}
