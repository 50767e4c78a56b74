import type { JudgeConfig } from "../../config/schema.ts";
import { TransientError } from "../../errors.ts";
import { isHtml, serverWords } from "../../lib/http/failure.ts";
import { isSuccess, openJudgeServer, type JudgeAnswer, type JudgeServer, createRefusalError } from "../judge-server.ts";
import type { JudgeUsage } from "../judge.ts";
import {
  type ChatAnswer,
  FIRST_FORM,
  nextForm,
  type Question,
  formatQuestion,
  parseChatAnswer,
  type RequestForm,
} from "./chat-completion.ts";

export type OpenaiJudgeConfig = Extract<JudgeConfig, { readonly kind: "openai" }>;

/** Refused questions before the first success that show that the settings are wrong, not one of the images. */
const REFUSED_MAX = 3;
/**
 * Refused questions in a row, after a success, that show that the images are not the cause. Each refused image would have no score for
 * ever.
 */
const REFUSED_IN_A_ROW_MAX = 50;
/** Statuses about the content of a request: Bad Request, Content Too Large, Unsupported Media Type, Unprocessable Content. */
const REFUSES_CONTENT: ReadonlySet<number> = new Set([400, 413, 415, 422]);
/** Statuses with which servers also refuse parameters that they do not know. */
const REFUSES_FORM: ReadonlySet<number> = new Set([400, 422]);

export interface ChatCall {
  /** Identifies the question. */
  readonly key: string;
  readonly question: Question;
  readonly share: RequestShare;
  readonly signal: AbortSignal;
}

/** A client for questions to one model. */
export interface Chat {
  readonly server: JudgeServer;
  readonly budget: RequestBudget;
  /** Asks a question. A refused image is an answer without content, not an error. @throws {TransientError | FatalError} */
  ask(call: ChatCall): Promise<ChatAnswer>;
  usage(): JudgeUsage;
  notes(): readonly string[];
}

/** Creates a client. It connects with its first question. */
export function openChat(config: OpenaiJudgeConfig): Chat {
  const { name, model, headers, concurrency } = config;
  const base = config.url.replace(/\/+$/, "");
  const server = openJudgeServer({ headers, connections: concurrency, timeoutMs: config.timeout_s * 1_000 });
  const budget = createRequestBudget(config.max_requests ?? Infinity);
  const what = `ask ${model} with ${name} at ${base}`;
  /** Questions that were refused since the last success. */
  const refusedKeys = new Set<string>();
  /** The request form that worked first; it is used for the rest of the run. */
  let workingForm: RequestForm | null = null;
  let promptTokens = 0;
  let completionTokens = 0;

  async function post({ question, share, signal }: ChatCall, form: RequestForm): Promise<JudgeAnswer> {
    if (!share.spend()) throw new TransientError(`Cannot ${what}: max_requests is reached`);
    const json = formatQuestion(question, { model, maxTokens: config.max_tokens, form });
    return server.ask({ method: "POST", url: `${base}/chat/completions`, json, signal });
  }

  /**
   * Handles a refused question. After a success it is a refusal of this image or prompt, which becomes an answer without content.
   * Before a success, or if it happens too often, it is an error of the whole configuration.
   */
  function handleRefusal(key: string, answer: JudgeAnswer): ChatAnswer {
    const refusal = createRefusalError({ what, judge: name }, answer);
    if (!REFUSES_CONTENT.has(answer.status)) throw refusal;
    refusedKeys.add(key);
    if (workingForm !== null && refusedKeys.size < REFUSED_IN_A_ROW_MAX)
      return { content: null, raw: `refused: ${answer.status} ${serverWords(answer.text)}`, promptTokens: 0, completionTokens: 0 };
    if (workingForm !== null || refusedKeys.size >= REFUSED_MAX) throw refusal;
    throw new TransientError(refusal.message, { cause: refusal });
  }

  async function ask(call: ChatCall): Promise<ChatAnswer> {
    let form = workingForm ?? FIRST_FORM;
    let answer = await post(call, form);
    while (!isSuccess(answer)) {
      const next: RequestForm | null = workingForm === null && REFUSES_FORM.has(answer.status) ? nextForm(form, answer.text) : null;
      if (next === null) return handleRefusal(call.key, answer);
      form = next;
      answer = await post(call, form);
    }
    const read = parseChatAnswer(answer.text);
    if (read === undefined) {
      const said = isHtml(answer.text) ? "it answers HTML" : `its answer is no chat completion: ${serverWords(answer.text) || "empty"}`;
      throw new TransientError(`Cannot ${what}: ${said}`, { hint: `check url of the judge ${name}: it ends with /v1 at most servers` });
    }
    workingForm ??= form;
    refusedKeys.clear();
    promptTokens += read.promptTokens;
    completionTokens += read.completionTokens;
    return read;
  }

  return {
    server,
    budget,
    ask,
    usage: () => ({ requests: budget.sent, promptTokens, completionTokens }),
    notes: () => [
      ...(workingForm?.hasSchema === false ? [`${name}: the server refuses response_format; answers were read as plain text`] : []),
      ...(workingForm?.hasTemperature === false
        ? [`${name}: the model refuses temperature 0; it uses its own temperature, so its answers can vary from run to run`]
        : []),
    ],
  };
}

/** Requests that are reserved for one group. */
interface RequestShare extends Disposable {
  /** Counts a request that is about to be sent. Returns false if the limit is reached. */
  spend(): boolean;
}

interface RequestBudget {
  readonly sent: number;
  /** Reserves requests for a group. Returns null if fewer are left. Disposing returns the unused ones. */
  reserve(requests: number): RequestShare | null;
}

/**
 * Creates a limit of requests that also holds for groups in flight: a group starts only if all its requests fit, and repeats only if some
 * are left.
 */
function createRequestBudget(max: number): RequestBudget {
  let sent = 0;
  let reserved = 0;
  return {
    get sent() {
      return sent;
    },
    reserve(requests) {
      if (sent + reserved + requests > max) return null;
      let left = requests;
      reserved += requests;
      return {
        spend() {
          if (left > 0) {
            left--;
            reserved--;
          } else if (sent + reserved >= max) return false;
          sent++;
          return true;
        },
        [Symbol.dispose]() {
          reserved -= left;
          left = 0;
        },
      };
    },
  };
}
