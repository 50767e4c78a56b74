import type { PyValue } from "./python-json.ts";
import { pyRepr } from "./python-values.ts";

/** A Python exception whose type and text reach ComfyUI's answer. */
export class PyException extends Error {
  override readonly name = "PyException";
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** KeyError's text is the key's repr. */
export function keyError(key: PyValue): PyException {
  return new PyException("KeyError", pyRepr(key));
}

/** Frames in the form of `traceback.format_tb`, without line numbers and source lines. */
export function traceback(...functions: readonly string[]): PyValue {
  return functions.map((name) => `  File "/ComfyUI/execution.py", in ${name}\n`);
}
