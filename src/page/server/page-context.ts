import type { Commits } from "../../db/commits.ts";
import type { Db } from "../../db/open.ts";
import type { AnnotatorQueries, AnnotatorRow } from "../../db/queries/page/annotators.ts";
import type { PageVoteQueries } from "../../db/queries/page/page-votes.ts";
import type { PageImageQueries } from "../../db/queries/page/page-images.ts";
import type { AssignmentQueries } from "../../db/queries/page/assignments.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { LeadAnswer, Progress, SessionAnswer } from "../api.ts";
import type { TaskGiver } from "./tasks/give-tasks.ts";
import type { PageImages } from "./images/page-images.ts";
import type { EntryRecorder } from "./record-entries.ts";
import type { StaticFile } from "./static-files.ts";

/** What the routes work with; made once, by `startPageServer`. */
export interface PageContext {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "error">;
  readonly secret: Uint8Array;
  /** What is the same for everybody. */
  readonly session: Omit<SessionAnswer, "annotator" | "role" | "progress">;
  readonly queries: {
    readonly annotators: AnnotatorQueries;
    readonly assignments: AssignmentQueries;
    readonly votes: PageVoteQueries;
    readonly images: PageImageQueries;
  };
  /** Every write of a request: it is answered once the disk has it. */
  readonly commits: Commits["queued"];
  readonly giver: TaskGiver;
  readonly recorder: EntryRecorder;
  readonly progressOf: (annotatorId: number) => Progress;
  readonly leadNumbers: () => Promise<LeadAnswer>;
  readonly images: PageImages;
  readonly files: ReadonlyMap<string, StaticFile>;
  /** Origins under which the page is ours; known once it listens. */
  readonly origins: () => ReadonlySet<string>;
  readonly publicUrl: string | null;
  readonly cookieName: string;
  readonly countCspReport: () => void;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; null only on the way to a cookie. */
    annotator: AnnotatorRow | null;
  }
}
