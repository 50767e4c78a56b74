import type { Whereabouts } from "../../comfy/client/run-once.ts";
import { counted } from "../../lib/words.ts";
import type { CommandInput } from "../command.ts";

/** Between two messages about one server that keeps the canary waiting. */
const REPEAT_MS = 30_000;

/** Tells whom the canary waits for, on the progress line at each look and as a message once and then twice a minute. */
export interface CanaryWaits {
  look(server: string, where: Whereabouts): void;
  /** One image of the server has come, or will not. */
  finished(server: string): void;
}

export function canaryWaits({ clock, log }: Pick<CommandInput, "clock" | "log">, total: number): CanaryWaits {
  /** What each server does, in words. */
  const states = new Map<string, string>();
  const toldAtMs = new Map<string, number>();
  let done = 0;

  const show = (): void =>
    log.progress("canary", {
      done,
      total,
      failed: 0,
      ...(states.size === 0 ? {} : { note: `waits for ${[...states].map(([server, state]) => `${server} (${state})`).join(", ")}` }),
    });

  return {
    look(server, { promptsAhead, isRunning }) {
      const ahead = `${counted(promptsAhead, "prompt")} ahead`;
      states.set(server, isRunning ? "runs" : ahead);
      show();
      const nowMs = clock.nowMs();
      if (promptsAhead === 0 || nowMs - (toldAtMs.get(server) ?? -Infinity) < REPEAT_MS) return;
      toldAtMs.set(server, nowMs);
      log.info(`The canary waits at ${server}: ${ahead} in its queue`);
    },
    finished(server) {
      states.delete(server);
      toldAtMs.delete(server);
      done++;
      show();
    },
  };
}
