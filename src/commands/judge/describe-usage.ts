import type { Judge } from "../../judges/judge.ts";
import { counted } from "../../lib/words.ts";

/** What judges used that count it: `vlm: 12 requests, 3456 + 78 tokens`. */
export function describeUsage(judges: readonly Pick<Judge, "name" | "usage">[]): readonly string[] {
  return judges.flatMap(({ name, usage }) => {
    const used = usage?.();
    if (used === undefined || used.requests === 0) return [];
    const { requests, promptTokens, completionTokens } = used;
    const tokens = promptTokens + completionTokens === 0 ? "" : `, ${promptTokens} tokens asked and ${completionTokens} answered`;
    return [`${name}: ${counted(requests, "request")}${tokens}`];
  });
}
