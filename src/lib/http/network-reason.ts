import { messageOf } from "../../errors.ts";

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused; nothing listens there",
  ECONNRESET: "the connection was reset",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name service does not answer",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer stopped coming",
  UND_ERR_SOCKET: "the connection was closed in the middle",
  UND_ERR_HEADERS_OVERFLOW: "the headers of its answer are longer than any server's",
};

/** Why a connection failed, in words. */
export function networkReason(error: unknown): string {
  return WORDS[networkCode(error)] ?? messageOf(error);
}

/** The system's or undici's code; a failure on several addresses hides it in an AggregateError. */
export function networkCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return networkCode(error.errors[0]);
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
