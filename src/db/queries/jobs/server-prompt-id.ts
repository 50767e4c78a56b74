import type { Db } from "../../open.ts";

export interface GivenPromptId {
  readonly job: string;
  /** The id that was sent, as the row has it. */
  readonly sent: string;
  /** The id that the server uses. */
  readonly given: string;
}

/**
 * Remembers the id under which a server took a prompt, to be committed as soon as the answer is there: queue, history and events know no
 * other. False where the job moved on meanwhile, or another job has that id (a server that gives one twice cannot be followed).
 */
export function rememberPromptId({ client }: Pick<Db, "client">, given: GivenPromptId): boolean {
  return (
    client
      .prepare<[GivenPromptId]>(
        `update or ignore jobs set prompt_id = @given where job = @job and prompt_id = @sent and state = 'submitted'`,
      )
      .run(given).changes === 1
  );
}
