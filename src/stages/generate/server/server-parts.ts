import type { Contact } from "./contact.ts";
import type { JobsOut, QueueWatch } from "./jobs-out.ts";
import type { GenerateRun } from "../run.ts";

/** Shared by the parts of one server's worker. Each keeps its own state to itself, and names what it uses of the run. */
export interface ServerParts<Used extends keyof GenerateRun> {
  readonly url: string;
  readonly contact: Contact;
  readonly jobs: JobsOut;
  readonly queue: QueueWatch;
  readonly run: Pick<GenerateRun, Used>;
  /** Has the server take jobs while there is room. */
  readonly fill: () => void;
  /** Wakes the worker's loop. */
  readonly wake: () => void;
}
