import { ConfigError } from "../errors.ts";
import { digest } from "./images/image.ts";
import { outOfMemory } from "./nodes/nodes.ts";
import { PyException } from "./python-values.ts";
import { dict, type PyDict } from "./python-json.ts";

// The grammar of faults, the only place that defines it:
//
//   spec    = fault *("," fault)            e.g. "oom:0.02,view-cut:0.1,crash-after:500,slow:3"
//   fault   = kind                          every subject, once each
//           | kind ":" RATE                 this share of the subjects (0…1), once each, so that a retry succeeds
//           | kind ":" RATE ":" TIMES       … the first TIMES attempts of each
//           | kind ":" RATE ":always"       … every attempt
//           | kind ":" COUNT "@" FIRST      COUNT subjects from the FIRST-th on (1 is the first), once each
//           | "slow:" FACTOR                every execution takes FACTOR times as long
//           | "crash-after:" N [":always"]  the server is killed and started again after N prompts (always: after every N)
//
// A subject is what a retry has in common with the first attempt: the workflow (whatever its prompt_id) for what happens to
// prompts, the file for what happens to /view; for http-503, http-429 and low-memory each other request is its own subject. Which subjects
// are hit follows from a hash of kind, subject and the emulator's seed: the same run meets the same faults.
//
// A workflow whose text holds "FAIL kind" meets that fault at every attempt, "FAIL kind 2" at the first two; no spec needed.

/** The faults that can be played, each with the point where it strikes. */
export const FAULT_KINDS = {
  // POST /prompt
  reject: "400 with node_errors",
  "submit-reset": "queued, then the connection is cut before the answer",
  "submit-drop": "the connection is cut, nothing is queued",
  "http-503": "any request: 503 with Retry-After: 1",
  "http-429": "any request: 429 with Retry-After: 1",
  "low-memory": "/system_stats says that no memory is free",
  // execution
  oom: "execution_error, out of memory",
  "execution-error": "execution_error, a RuntimeError",
  "no-output": "success without any image",
  "hostile-name": "history names a file like ../../etc/passwd",
  "paint-off": "the image is another than this workflow makes elsewhere, as with another model under the same name",
  stall: "the prompt starts and never ends, until a restart or other faults are set",
  "ws-drop": "every WebSocket is cut when the prompt starts",
  // GET /view
  "view-404": "404",
  "view-cut": "the connection is cut in the middle of the body",
  "view-short": "half of the file, with a Content-Length that fits",
  "view-flip": "one bit is wrong",
  "view-html": "200 with an HTML page",
  "view-swap": "another file's bytes",
  "view-stall": "half of the body, then nothing",
  "view-webp": "the image as WebP, as an image proxy makes it",
  "view-small": "the image at half its size, its prompt kept",
  "view-bare": "the image without its prompt, as a custom node saves it",
  "view-animated": "the image as an animation of two frames",
  "view-gzip": "the file with Content-Encoding: gzip",
  // the server
  slow: "executions take FACTOR times as long",
  "crash-after": "the server is killed and starts again after N prompts",
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** Hit subjects remembered per kind; beyond it the oldest may be hit once more. */
const REMEMBERED_MAX = 100_000;

export interface FaultRule {
  readonly kind: FaultKind;
  /** Share of the subjects, or the FACTOR or N of slow and crash-after. */
  readonly amount: number;
  /** Number of times that the same subject is hit. */
  readonly times: number;
  /** 1-based number of the first subject hit; `amount` is then a count. */
  readonly first: number | undefined;
}

/** Decides which fault strikes whom. One plan may serve several emulators, which then share the memory of who was hit. */
export interface FaultPlan {
  /** Returns true if `kind` happens to `subject` now, and counts the attempt. "FAIL kind" is looked for in `text`. */
  strikes(kind: FaultKind, subject: string, text?: string): boolean;
  /** Factor by which executions take longer. */
  readonly slowFactor: number;
  /** Returns true if the server dies now that `finished` prompts have ended since it was set up. */
  crashesAfter(finished: number): boolean;
}

/** Parses a spec. @throws {ConfigError} with the list of kinds, if it is wrong. */
export function parseFaults(spec: string): FaultRule[] {
  const parts = spec.split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "").map(parseRule);
}

export function faultPlan(spec: string, seed: number): FaultPlan {
  const rules = parseFaults(spec);
  const ledger = new Map<string, number>();
  const order = new Map<FaultKind, Map<string, number>>();

  /** Counts an attempt of `subject` and tells whether it is among the first `times`. */
  function within(kind: FaultKind, subject: string, times: number): boolean {
    const key = `${kind} ${subject}`;
    const seen = ledger.get(key) ?? 0;
    if (seen >= times) return false;
    if (ledger.size >= REMEMBERED_MAX) ledger.delete(ledger.keys().next().value ?? "");
    if (times !== Number.POSITIVE_INFINITY) ledger.set(key, seen + 1);
    return true;
  }

  /** The 1-based number of `subject` among all that came up for this kind. */
  function numberOf(kind: FaultKind, subject: string): number {
    const numbers = order.get(kind) ?? new Map<string, number>();
    order.set(kind, numbers);
    const number = numbers.get(subject) ?? numbers.size + 1;
    if (numbers.size < REMEMBERED_MAX) numbers.set(subject, number);
    return number;
  }

  function isHit(rule: FaultRule, subject: string): boolean {
    if (rule.first === undefined) return share(digest(seed, rule.kind, subject)) < rule.amount;
    const number = numberOf(rule.kind, subject);
    return number >= rule.first && number < rule.first + rule.amount;
  }

  return {
    strikes(kind, subject, text = "") {
      const asked = sentinelTimes(kind, text);
      if (asked > 0 && within(kind, `asked ${subject}`, asked)) return true;
      return rules.some((rule) => rule.kind === kind && isHit(rule, subject) && within(kind, subject, rule.times));
    },
    slowFactor: rules.filter((rule) => rule.kind === "slow").reduce((product, rule) => product * rule.amount, 1),
    crashesAfter: (finished) =>
      rules.some((rule) => {
        if (rule.kind !== "crash-after") return false;
        return rule.times === Number.POSITIVE_INFINITY ? finished % rule.amount === 0 : finished === rule.amount;
      }),
  };
}

/** Returns how often "FAIL kind" in the text asks for the fault; 0 if it does not. */
function sentinelTimes(kind: FaultKind, text: string): number {
  if (!text.includes("FAIL ")) return 0;
  const match = new RegExp(String.raw`FAIL ${kind}(?![\w-])(?: (\d+)\b)?`).exec(text);
  if (match === null) return 0;
  return match[1] === undefined ? Number.POSITIVE_INFINITY : Number(match[1]);
}

/** A number in [0, 1) from a hex digest. */
function share(hex: string): number {
  return Number.parseInt(hex.slice(0, 8), 16) / 0x1_0000_0000;
}

function parseRule(text: string): FaultRule {
  const [kind = "", amount, times, ...rest] = text.split(":");
  if (!isFaultKind(kind)) throw bad(text, `unknown kind "${kind}"`);
  if (rest.length > 0) throw bad(text, "too many colons");
  if (kind === "slow" || kind === "crash-after") return parseServerRule({ text, kind, amount, times });
  const counted = /^(\d+)@(\d+)$/.exec(amount ?? "");
  if (counted !== null) {
    const first = Number(counted[2]);
    if (first < 1) throw bad(text, "the first subject is number 1");
    return { kind, amount: Number(counted[1]), times: parseTimes(text, times), first };
  }
  const rate = amount === undefined ? 1 : Number(amount === "" ? Number.NaN : amount);
  if (!(rate >= 0 && rate <= 1)) throw bad(text, `the rate must be 0 to 1, or COUNT@FIRST, but is "${amount ?? ""}"`);
  return { kind, amount: rate, times: parseTimes(text, times), first: undefined };
}

interface RuleParts {
  readonly text: string;
  readonly kind: "slow" | "crash-after";
  readonly amount: string | undefined;
  readonly times: string | undefined;
}

function parseServerRule({ text, kind, amount, times }: RuleParts): FaultRule {
  const value = Number(amount === "" ? Number.NaN : amount);
  const isValid = kind === "slow" ? value > 0 && Number.isFinite(value) : Number.isSafeInteger(value) && value > 0;
  if (!isValid) throw bad(text, kind === "slow" ? "it needs a factor above 0" : "it needs a whole number of prompts");
  if (times !== undefined && times !== "always") throw bad(text, `expected "always", not "${times}"`);
  return { kind, amount: value, times: times === "always" ? Number.POSITIVE_INFINITY : 1, first: undefined };
}

function parseTimes(text: string, times: string | undefined): number {
  if (times === undefined) return 1;
  if (times === "always") return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d*$/.test(times)) throw bad(text, `expected a number of times or "always", not "${times}"`);
  return Number(times);
}

function isFaultKind(kind: string): kind is FaultKind {
  return Object.hasOwn(FAULT_KINDS, kind);
}

function bad(text: string, why: string): ConfigError {
  const kinds = Object.keys(FAULT_KINDS).join(", ");
  return new ConfigError(`Cannot read the fault "${text}": ${why}`, {
    hint: `kind:rate, kind:rate:always or kind:count@first, with a kind of: ${kinds}.`,
  });
}

/** The faults of one run. */
export interface RunFaults {
  /** Raised by the first node that does real work. */
  readonly failure: PyException | undefined;
  /** Output nodes save nothing. */
  readonly noOutput: boolean;
  /** Stands in history instead of the names of the files that output nodes saved. */
  readonly hostileUi: PyDict | undefined;
  /** Output nodes save another image. */
  readonly paintOff: boolean;
}

export const NO_RUN_FAULTS: RunFaults = { failure: undefined, noOutput: false, hostileUi: undefined, paintOff: false };

/** Names that no path, URL or terminal may be made from as they are. */
const HOSTILE_NAMES: readonly (readonly [filename: string, subfolder: string])[] = [
  ["passwd", "../../../../etc"],
  ["../../../etc/passwd", ""],
  ["/etc/passwd", ""],
  ["ab\u0000.png", ""],
  [`${"a".repeat(300)}.png`, ""],
  ["\u001b[2J\u001b[31mred.png", ""],
  ["..\\..\\windows\\win.ini", "C:\\"],
  ["a\nb.png", "x\r\ny"],
];

/** The faults of a run of the workflow `text`, its JSON. Counts them as attempts. */
export function faultsOfRun(plan: FaultPlan, text: string): RunFaults {
  const strikes = (kind: Parameters<FaultPlan["strikes"]>[0]): boolean => plan.strikes(kind, text, text);
  return {
    failure: failureOf(strikes),
    noOutput: strikes("no-output"),
    hostileUi: strikes("hostile-name") ? hostileUi(text) : undefined,
    paintOff: strikes("paint-off"),
  };
}

function failureOf(strikes: (kind: "oom" | "execution-error") => boolean): PyException | undefined {
  if (strikes("oom")) return outOfMemory();
  if (!strikes("execution-error")) return undefined;
  return new PyException("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (77x768 and 1024x320)");
}

function hostileUi(text: string): PyDict {
  const index = Number.parseInt(digest(text).slice(0, 4), 16) % HOSTILE_NAMES.length;
  const [filename, subfolder] = HOSTILE_NAMES[index] ?? ["..", ".."];
  return dict({ images: [dict({ filename, subfolder, type: "output" })] });
}
