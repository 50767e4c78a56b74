import { stringifyExact, type Json } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";
import type { InputInfo } from "./object-info.ts";

/** Why a server refuses a value. */
export interface ValueProblem {
  readonly kind: "value-not-in-list" | "out-of-range";
  /** Goes after "… is VALUE, ". */
  readonly message: string;
}

/** Choices named in a message before the rest is only counted. */
const CHOICES_SHOWN = 5;

/** What a server would hold against a value of an input, as far as /object_info says it; undefined where that is nothing. */
export function valueProblem(value: Json, declared: InputInfo): ValueProblem | undefined {
  const { choices, min, max } = declared;
  if (choices !== undefined && !declared.isUpload && !choices.includes(value)) {
    return { kind: "value-not-in-list", message: `which the server does not have${describeChoices(value, choices)}` };
  }
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  if (min !== undefined && value < min) return { kind: "out-of-range", message: `less than the smallest allowed, ${min}` };
  if (max !== undefined && value > max) return { kind: "out-of-range", message: `more than the largest allowed, ${max}` };
  return undefined;
}

/**
 * True for a whole number between two steps of an input. Servers take it, since only the editor keeps to steps, but what the node makes of
 * it is often another number: EmptyLatentImage draws 512 px where 513 are asked for. Decimal steps are only those of the editor's arrows.
 */
export function isBetweenSteps(value: Json, { type, step, min }: Pick<InputInfo, "type" | "step" | "min">): boolean {
  if (type !== "INT" || step === undefined || !isWhole(step) || !isWhole(value)) return false;
  const [number, base, width] = [BigInt(value), isWhole(min) ? BigInt(min) : 0n, BigInt(step)];
  return width > 1n && (number - base) % width !== 0n;
}

function isWhole(value: Json | undefined): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
}

function describeChoices(value: Json, choices: readonly Json[]): string {
  if (choices.length === 0) return " (it lists none)";
  const texts = choices.map((choice) => (typeof choice === "string" ? choice : stringifyExact(choice)));
  const near = typeof value === "string" ? didYouMean(value, texts) : "";
  if (near !== "") return near;
  const more = texts.length > CHOICES_SHOWN ? `, … ${texts.length} in all` : "";
  return `; it has ${texts.slice(0, CHOICES_SHOWN).join(", ")}${more}`;
}
