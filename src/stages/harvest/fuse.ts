import type { PauseQueries } from "../../db/queries/plan/pause-variant.ts";
import { counted } from "../../lib/words.ts";
import type { Log } from "../../lib/log.ts";

/** First images of a variant that are all refused for one reason: a night would give no other. */
export const FUSE_IMAGES = 20;

export interface FuseNeeds {
  readonly pauses: PauseQueries;
  readonly log: Pick<Log, "warn" | "event">;
}

export type Fuse = ReturnType<typeof variantFuse>;

/** Pauses a variant of which nothing is accepted, so that no more of it is made; `generate` looks there before it takes a job. */
export function variantFuse({ pauses, log }: FuseNeeds) {
  /** Variants that will not be paused: an image of theirs is stored, or their first ones had several faults. */
  const settled = new Set<string>();

  return {
    stored: (variant: string): void => void settled.add(variant),

    /** An image of the variant was rejected, and its row says so. */
    rejected(variant: string, detail: string): void {
      if (settled.has(variant)) return;
      const verdict = pauses.pauseIfRefused(variant, { images: FUSE_IMAGES, detail });
      if (verdict === "settled") settled.add(variant);
      if (typeof verdict === "string") return;
      const { images, reason, waiting } = verdict;
      log.warn(
        `The variant "${variant}" is PAUSED, ${counted(waiting, "candidate")} of it ${waiting === 1 ? "waits" : "wait"}: harvest refused its first ${counted(images, "image")}, all as ${reason}: ${detail}\n` +
          `Once that is mended, retry --variant ${JSON.stringify(variant)} makes these again and goes on. Other variants go on now`,
      );
      log.event("variant_paused", { variant, reason, images, waiting });
    },
  };
}
