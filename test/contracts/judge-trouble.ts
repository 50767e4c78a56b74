import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../src/errors.ts";
import type { Judge } from "../../src/judges/judge.ts";
import { answering, startStandIn, type Respond } from "../helpers/stand-ins/judge-stand-in.ts";
import { judgeImage } from "./judge.ts";

const SECRET = "sk-very-secret-1234";
const TIMEOUT_MS = 300;
const reset: Respond = (_seen, response) => void response.destroy();
const silent: Respond = () => undefined;
const halfAnswer: Respond = (_seen, response) => {
  response.writeHead(200, { "content-length": 1_000 });
  response.write('{"scores":[', () => response.destroy());
};
const drip: Respond = (_seen, response) => {
  response.write("{");
  const timer = setInterval(() => response.write(" "), 50);
  response.on("close", () => clearInterval(timer));
};
const endless: Respond = (_seen, response) => {
  const piece = "x".repeat(1024 * 1024);
  const write = (): void => void (response.destroyed || response.write(piece, write));
  response.on("error", silentError);
  write();
};
const silentError = (): void => undefined;

interface Trouble {
  readonly name: string;
  readonly respond: Respond;
  readonly says: RegExp;
  /** Where the trouble itself takes a while on a busy machine. */
  readonly timeoutMs?: number;
}

const PASSING: readonly Trouble[] = [
  { name: "500", respond: answering("the model fell over", { status: 500 }), says: /500 Internal Server Error: the model fell over/ },
  { name: "503", respond: answering("loading", { status: 503 }), says: /503 Service Unavailable: loading/ },
  { name: "429", respond: answering("slow down", { status: 429 }), says: /429 Too Many Requests: slow down/ },
  { name: "a reset", respond: reset, says: /closed in the middle|reset/ },
  { name: "no answer", respond: silent, says: /no whole answer within 0.3 s \(timeout_s\)/ },
  { name: "an answer that drips", respond: drip, says: /no whole answer within 0.3 s/ },
  { name: "half an answer", respond: halfAnswer, says: /closed|reset|aborted|terminated/ },
  { name: "an endless answer", respond: endless, says: /longer than 4 MiB/, timeoutMs: 20_000 },
  { name: "half a JSON", respond: answering('{"scores": [{"id": "i_a"'), says: /its answer is/ },
  { name: "HTML", respond: answering("<html><title>nginx</title></html>"), says: /it answers HTML/ },
  { name: "nothing", respond: answering(""), says: /empty/ },
  { name: "another JSON", respond: answering([1, 2, 3]), says: /its answer is/ },
];

const FINAL: readonly Trouble[] = [
  { name: "401", respond: answering("who are you?", { status: 401 }), says: /401 Unauthorized: who are you\?/ },
  { name: "403", respond: answering("not you", { status: 403 }), says: /403 Forbidden/ },
  { name: "404", respond: answering("no such page", { status: 404 }), says: /404 Not Found: no such page/ },
  {
    name: "a redirect",
    respond: answering("", { status: 302, headers: { location: "http://elsewhere.example/login?token=abc" } }),
    says: /it redirects to http:\/\/elsewhere\.example\/login; redirects are not followed/,
  },
  {
    name: "words without end",
    respond: answering("long ".repeat(200), { status: 404 }),
    says: /…$/,
  },
];

export interface TroubleOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutS: number;
}

/** What every judge behind HTTP promises when its server does not do what it should: no invented score, no secret, a bounded wait. */
export function judgeTroubleContract(name: string, open: (options: TroubleOptions) => Judge): void {
  const { signal } = new AbortController();
  const headers = { authorization: `Bearer ${SECRET}` };
  const errorAt = async (url: string, timeoutMs = TIMEOUT_MS): Promise<unknown> => {
    const judge = open({ url, headers, timeoutS: timeoutMs / 1_000 });
    const error: unknown = await judge.score("a prompt", [judgeImage("a")], signal).then(
      () => null,
      (caught: unknown) => caught,
    );
    await judge.close?.();
    return error;
  };
  const errorFor = async (respond: Respond, timeoutMs?: number): Promise<unknown> => {
    await using server = await startStandIn(respond);
    return await errorAt(server.url, timeoutMs);
  };

  describe(`${name} and a server in trouble`, () => {
    it.each(PASSING)("tries again later after $name", async ({ respond, says, timeoutMs }) => {
      const error = await errorFor(respond, timeoutMs);
      expect(error).toBeInstanceOf(TransientError);
      expect((error as TransientError).message).toMatch(says);
    });

    it.each(FINAL)("gives up after $name", async ({ respond, says }) => {
      const error = await errorFor(respond);
      expect(error).toBeInstanceOf(FatalError);
      expect((error as FatalError).message).toMatch(says);
      expect((error as FatalError).hint).toBeDefined();
    });

    it("waits as long as the server asks", async () => {
      for (const status of [429, 503]) {
        const error = await errorFor(answering("busy", { status, headers: { "retry-after": "7" } }));
        expect(error).toMatchObject({ name: "TransientError", retryAfterMs: 7_000 });
      }
    });

    it("tries again later where nothing listens", async () => {
      const server = await startStandIn(silent);
      await server[Symbol.asyncDispose]();
      expect(await errorAt(server.url)).toMatchObject({
        name: "TransientError",
        message: expect.stringContaining("nothing listens there"),
      });
    });

    it("sends its headers, and repeats none of their values", async () => {
      await using server = await startStandIn((seen, response) =>
        answering(`your header was ${String(seen.headers["authorization"])}`, { status: 404 })(seen, response),
      );
      const error = await errorAt(server.url);
      expect(server.seen[0]?.headers["authorization"]).toBe(`Bearer ${SECRET}`);
      expect((error as FatalError).message).toContain("your header was ***");
      expect(JSON.stringify([error, (error as FatalError).message, (error as FatalError).hint])).not.toContain(SECRET);
    });
  });
}
