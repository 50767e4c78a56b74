import type { FaultPlan } from "../faults.ts";
import { NodeFailure, outOfMemory } from "../nodes/nodes.ts";
import { digest } from "../images/image.ts";
import { dict, type PyDict } from "../python-json.ts";

/** What goes wrong in one run. */
export interface RunFaults {
  /** Raised by the first node that does real work. */
  readonly failure: NodeFailure | undefined;
  /** Output nodes save nothing. */
  readonly noOutput: boolean;
  /** What output nodes say instead of the names of their files. */
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

function failureOf(strikes: (kind: "oom" | "execution-error") => boolean): NodeFailure | undefined {
  if (strikes("oom")) return outOfMemory();
  if (!strikes("execution-error")) return undefined;
  return new NodeFailure("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (77x768 and 1024x320)");
}

function hostileUi(text: string): PyDict {
  const index = Number.parseInt(digest(text).slice(0, 4), 16) % HOSTILE_NAMES.length;
  const [filename, subfolder] = HOSTILE_NAMES[index] ?? ["..", ".."];
  return dict({ images: [dict({ filename, subfolder, type: "output" })] });
}
