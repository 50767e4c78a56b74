import type { Json } from "../../lib/exact-json.ts";

const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * `value` as it may stand where `present` stands now, undefined if it cannot. Text from tables becomes the number or boolean
 * that the input holds: ComfyUI would turn "512" into 512 itself, but "false" into true, and a stray word fails only there.
 * Bigints that a number can hold become numbers, as parseExact would read them.
 */
export function fitValue(value: Json, present: Json | undefined): Json | undefined {
  if (typeof value === "bigint") return smallest(value);
  if (typeof value !== "string") return value;
  const text = value.trim();
  if (typeof present === "boolean") {
    if (/^(?:true|1)$/i.test(text)) return true;
    return /^(?:false|0)$/i.test(text) ? false : undefined;
  }
  if (typeof present !== "number" && typeof present !== "bigint") return value;
  if (INTEGER.test(text)) return smallest(BigInt(text.replace(/^\+/, "")));
  return DECIMAL.test(text) ? Number(text) : undefined;
}

function smallest(value: bigint): bigint | number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
