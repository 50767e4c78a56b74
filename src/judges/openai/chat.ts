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
  readChatAnswer,
  type RequestForm,
} from "./chat-completion.ts";

export type OpenaiJudgeConfig = Extract<JudgeConfig, { readonly kind: "openai" }>;

/** Refused before anything worked: of so many questions none is the exception. */
const REFUSED_MAX = 3;
/** Refused in a row after others worked: so many are not the images' fault, and each would be null for ever. */
const REFUSED_IN_A_ROW_MAX = 50;
/** About what was sent, not about how: Bad Request, Content Too Large, Unsupported Media Type, Unprocessable Content. */
const REFUSES_CONTENT: ReadonlySet<number> = new Set([400, 413, 415, 422]);
/** Those with which servers also refuse parameters that they do not know. */
const REFUSES_FORM: ReadonlySet<number> = new Set([400, 422]);

export interface ChatCall {
  /** Tells questions apart. */
  readonly key: string;
  readonly question: Question;
  readonly share: RequestShare;
  readonly signal: AbortSignal;
}

/** Questions to one model. */
export interface Chat {
  readonly server: JudgeServer;
  readonly budget: RequestBudget;
  /** @throws {TransientError | FatalError} An answer that cannot be read, and an image that is refused, are answers. */
  ask(call: ChatCall): Promise<ChatAnswer>;
  usage(): JudgeUsage;
  notes(): readonly string[];
}

/** Opens no connection before the first question. */
export function openChat(config: OpenaiJudgeConfig): Chat {
  const { name, model, headers, concurrency } = config;
  const base = config.url.replace(/\/+$/, "");
  const server = openJudgeServer({ headers, connections: concurrency, timeoutMs: config.timeout_s * 1_000 });
  const budget = requestBudget(config.max_requests ?? Infinity);
  const what = `ask ${model} with ${name} at ${base}`;
  /** Questions that were refused since the last that was taken. */
  const refusedKeys = new Set<string>();
  /** The form that worked first, for the rest of the run. */
  let known: RequestForm | null = null;
  let promptTokens = 0;
  let completionTokens = 0;

  async function post({ question, share, signal }: ChatCall, form: RequestForm): Promise<JudgeAnswer> {
    if (!share.spend()) throw new TransientError(`Cannot ${what}: max_requests is reached`);
    const json = formatQuestion(question, { model, maxTokens: config.max_tokens, form });
    return server.ask({ method: "POST", url: `${base}/chat/completions`, json, signal });
  }

  /** A refusal of the image or the prompt where others were taken; else one of the whole configuration, once it is no exception. */
  function refused(key: string, answer: JudgeAnswer): ChatAnswer {
    const refusal = createRefusalError({ what, judge: name }, answer);
    if (!REFUSES_CONTENT.has(answer.status)) throw refusal;
    refusedKeys.add(key);
    if (known !== null && refusedKeys.size < REFUSED_IN_A_ROW_MAX)
      return { content: null, raw: `refused: ${answer.status} ${serverWords(answer.text)}`, promptTokens: 0, completionTokens: 0 };
    if (known !== null || refusedKeys.size >= REFUSED_MAX) throw refusal;
    throw new TransientError(refusal.message, { cause: refusal });
  }

  async function ask(call: ChatCall): Promise<ChatAnswer> {
    let form = known ?? FIRST_FORM;
    let answer = await post(call, form);
    while (!isSuccess(answer)) {
      const next: RequestForm | null = known === null && REFUSES_FORM.has(answer.status) ? nextForm(form, answer.text) : null;
      if (next === null) return refused(call.key, answer);
      form = next;
      answer = await post(call, form);
    }
    const read = readChatAnswer(answer.text);
    if (read === undefined) {
      const said = isHtml(answer.text) ? "it answers HTML" : `its answer is no chat completion: ${serverWords(answer.text) || "empty"}`;
      throw new TransientError(`Cannot ${what}: ${said}`, { hint: `check url of the judge ${name}: it ends with /v1 at most servers` });
    }
    known ??= form;
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
      ...(known?.hasSchema === false ? [`${name}: the server refuses response_format; answers were read as plain text`] : []),
      ...(known?.hasTemperature === false
        ? [`${name}: the model refuses temperature 0; it answered at its own, and may differ from one time to the next`]
        : []),
    ],
  };
}

/** Requests set aside for one group. */
interface RequestShare extends Disposable {
  /** Counts a request that is about to be sent; false where the bound allows none. */
  spend(): boolean;
}

interface RequestBudget {
  readonly sent: number;
  /** Null where so many are not left. Disposing gives back what was not sent. */
  reserve(requests: number): RequestShare | null;
}

/** A bound that holds whatever is in flight: a group begins only if all its requests fit, and extra ones only if there is room. */
function requestBudget(max: number): RequestBudget {
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
