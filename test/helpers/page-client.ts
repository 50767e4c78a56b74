import { randomUUID } from "node:crypto";
import { Agent, request, type IncomingHttpHeaders } from "node:http";
import type { Answer, Task, TasksAnswer, VotesAnswer } from "../../src/page/api.ts";

export interface PageAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed body; see api.ts for its type. */
  json(): unknown;
}

export interface AskOptions {
  readonly method?: "GET" | "POST" | "HEAD" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent unchanged. */
  readonly body?: string;
}

/** One person's browser without the page: it keeps its cookie and sends the given requests. */
export interface PageClient {
  ask(path: string, options?: AskOptions): Promise<PageAnswer>;
  post(path: string, body: unknown): Promise<PageAnswer>;
  tasks(count: number, holding?: readonly string[]): Promise<readonly Task[]>;
  vote(task: Task, answer?: Answer, voteId?: string): Promise<VotesAnswer>;
  readonly cookie: string;
  close(): void;
}

/** Returns a browser that has not opened a link. */
export function strangerAt(url: string, cookie = ""): PageClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const ask: PageClient["ask"] = (path, { method = "GET", headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(url);
      // Not `fetch`, because paths and the Host header must be sent unchanged.
      const asked = request(
        { hostname, port, path, method, agent, headers: { ...(cookie === "" ? {} : { cookie }), ...headers } },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => void chunks.push(chunk));
          answer.on("error", reject);
          answer.on("end", () => {
            const bytes = Buffer.concat(chunks);
            const text = bytes.toString("utf8");
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes, text, json: () => JSON.parse(text) as unknown });
          });
        },
      );
      asked.on("error", reject);
      asked.end(body);
    });
  const post: PageClient["post"] = (path, body) =>
    ask(path, { method: "POST", headers: { "content-type": "application/json", origin: url }, body: JSON.stringify(body) });
  return {
    ask,
    post,
    cookie,
    tasks: async (count, holding = []) => ((await post("/api/tasks", { holding, count })).json() as TasksAnswer).tasks,
    vote: async (task, answer = { kind: "best", best: task.images[0]!.slot }, voteId = randomUUID()) => {
      const entry = { kind: "vote", vote_id: voteId, task_id: task.task_id, answer, flags: {}, ms: 1_000 };
      return (await post("/api/votes", { entries: [entry] })).json() as VotesAnswer;
    },
    close: () => agent.destroy(),
  };
}

/** Opens a personal link. */
export async function joinPage(link: string): Promise<PageClient> {
  const { origin, pathname } = new URL(link);
  const stranger = strangerAt(origin);
  const { headers } = await stranger.ask(pathname);
  stranger.close();
  const cookie = headers["set-cookie"]?.[0]?.split(";")[0];
  if (cookie === undefined) throw new Error(`the link sets no cookie: ${link}`);
  return strangerAt(origin, cookie);
}
