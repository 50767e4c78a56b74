import { FatalError } from "../../errors.ts";
import type { GenerateRun } from "./run.ts";
import type { OutJob } from "./server-state.ts";

/** Of an id that is no good, characters: a UUID has 36. */
const GIVEN_SHOWN_CHARS = 80;

interface At {
  readonly server: { readonly client: { readonly url: string }; readonly out: Map<string, OutJob> };
  readonly run: Pick<GenerateRun, "rememberPromptId">;
}

/**
 * From here on a job is followed under the id that its server gave it. Committed at once: after a crash nothing else leads to it but a
 * search by its mark.
 * @throws {FatalError} where the server gives two prompts one id.
 */
export function followUnder(out: OutJob, given: string, { server, run }: At): void {
  const { job, promptId: known } = out.job;
  if (given === known || server.out.get(known) !== out) return;
  if (!run.rememberPromptId({ job, sent: known, given })) {
    throw new FatalError(
      `Cannot use ${server.client.url}: it gave the prompt ${known} the id ${given.slice(0, GIVEN_SHOWN_CHARS)}, which another prompt has`,
      { hint: "one URL has to be one ComfyUI; is this a proxy that answers for it?" },
    );
  }
  server.out.delete(known);
  out.job = { ...out.job, promptId: given };
  server.out.set(given, out);
}
