import { ConfigError } from "../../errors.ts";

/** `Cannot read the votes FILE: …`. */
export function votesError(
  file: string,
  why: string,
  { hint = "see docs/votes.md", cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): ConfigError {
  return new ConfigError(`Cannot read the votes ${file}: ${why}`, { hint, cause });
}

/** Tables are read by what reads prompts. */
export function asVotesError({ message, hint, cause }: ConfigError): ConfigError {
  return new ConfigError(message.replace("Cannot read the prompts", "Cannot read the votes"), {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
