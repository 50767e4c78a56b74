import { ConfigError, FatalError, TransientError, messageOf } from "../../../errors.ts";
import { withoutSecrets } from "../../../lib/terminal/hidden-words.ts";
import type { Clock } from "../../../lib/clock.ts";
import { networkReason, retryAfter } from "../../../lib/http/failure.ts";
import { RETRIES, retry } from "../../../lib/retry.ts";

/** A file of the repository, as the Hub lists it. */
export interface RemoteFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256 (hex) of one that is kept as a large file, else null. */
  readonly sha256: string | null;
  /** Git's name of its content. For a large file, that of its pointer. */
  readonly gitOid: string;
}

export interface HubOptions {
  /** `https://huggingface.co`, without a slash at its end. */
  readonly endpoint: string;
  readonly token: string;
  /** `owner/name`. */
  readonly repo: string;
  readonly branch: string;
  readonly fetch: typeof fetch;
}

export interface Commit {
  readonly title: string;
  readonly add: readonly { readonly path: string; readonly content: Blob }[];
  readonly remove: readonly string[];
  readonly signal: AbortSignal;
  /** A share of a file's bytes was hashed or sent. */
  readonly onProgress: (path: string, state: "hashing" | "uploading" | "error", share: number) => void;
}

export type HubRepo = Awaited<ReturnType<typeof openHubRepo>>;

/** Opens a dataset repository on the Hugging Face Hub, or on a server with the same API. Errors are classified and contain no token. */
export async function openHubRepo({ endpoint, token, repo: name, branch, fetch }: HubOptions) {
  // Loading it takes half a second, which other commands should not wait for.
  const hub = await import("@huggingface/hub");
  const repo = { type: "dataset", name } as const;
  const common = { hubUrl: endpoint, accessToken: token, fetch };
  const asked = async <Answer>(doing: string, call: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await call();
    } catch (error) {
      throw hubError(error, {
        doing: `${doing} ${name} at ${endpoint}`,
        token,
        statusOf: (e) => (e instanceof hub.HubApiError ? e.statusCode : undefined),
      });
    }
  };
  const isMissing = (error: unknown): boolean => error instanceof hub.HubApiError && error.statusCode === 404;

  return {
    /** `https://huggingface.co/datasets/owner/name/tree/main`. */
    url: `${endpoint}/datasets/${name}${branch === "main" ? "" : `/tree/${encodeURIComponent(branch)}`}`,

    /** Makes repository and branch where they are missing. @throws {ConfigError} if it is to be private and is public. */
    async ensure({ isPrivate }: { readonly isPrivate: boolean }): Promise<"created" | "there"> {
      const isThere = await asked("look at", () => hub.repoExists({ repo, ...common }));
      if (!isThere) {
        await asked("create", async () => {
          const visibility = isPrivate ? { visibility: "private" as const } : {};
          // 409: an earlier attempt created it, and its answer was lost.
          await hub.createRepo({ repo, ...visibility, ...common }).catch((error: unknown) => {
            if (!(error instanceof hub.HubApiError) || error.statusCode !== 409) throw error;
          });
        });
      } else if (isPrivate) {
        const info = await asked("look at", () => hub.datasetInfo({ name, ...common }));
        if (!info.private) {
          throw new ConfigError(`Cannot push to ${name}: --private was asked for, and the repository is public`, {
            hint: "make it private in its settings, or push to another one",
          });
        }
      }
      if (branch !== "main" && !(await this.hasBranch())) {
        await asked(`create the branch ${branch} of`, () => hub.createBranch({ repo, branch, ...common }));
      }
      return isThere ? "there" : "created";
    },

    async hasBranch(): Promise<boolean> {
      return asked("look at", async () => {
        try {
          await hub.datasetInfo({ name, revision: branch, ...common });
          return true;
        } catch (error) {
          if (isMissing(error)) return false;
          throw error;
        }
      });
    },

    async files(): Promise<readonly RemoteFile[]> {
      return asked("list", async () => {
        const files: RemoteFile[] = [];
        for await (const entry of hub.listFiles({ repo, recursive: true, revision: encodeURIComponent(branch), ...common })) {
          if (entry.type !== "file") continue;
          const { path, size, oid = "", lfs } = entry;
          // Older servers put the name of the algorithm before it.
          files.push({ path, sizeBytes: lfs?.size ?? size, sha256: lfs?.oid.replace(/^sha256:/, "") ?? null, gitOid: oid });
        }
        return files;
      });
    },

    /** Reads a small file that is there. */
    async text(path: string): Promise<string> {
      return asked(
        `read ${path} of`,
        async () => (await (await hub.downloadFile({ repo, path, revision: branch, ...common }))?.text()) ?? "",
      );
    },

    /** Makes one commit of all changes. Large files are sent first, except those whose SHA-256 the Hub has already. Returns its URL. */
    async commit({ title, add, remove, signal, onProgress }: Commit): Promise<string> {
      const operations = [
        ...add.map(({ path, content }) => ({ operation: "addOrUpdate" as const, path, content })),
        ...remove.map((path) => ({ operation: "delete" as const, path })),
      ];
      return asked("push to", async () => {
        // Not by its own protocol (Xet), which does not find files by their SHA-256.
        const events = hub.commitIter({ repo, branch, title, operations, abortSignal: signal, useXet: false, ...common });
        for (;;) {
          const { done, value } = await events.next();
          if (done === true) return value?.commit.url ?? "";
          if (value.event === "fileProgress") onProgress(value.path, value.state, value.progress);
        }
      });
    },
  };
}

interface Asking {
  readonly doing: string;
  readonly token: string;
  readonly statusOf: (error: unknown) => number | undefined;
}

/** Classifies errors of the Hub's client. Its messages contain URLs, which can be signed. */
function hubError(error: unknown, { doing, token, statusOf }: Asking): unknown {
  if (error instanceof TransientError || error instanceof ConfigError) return error;
  const status = statusOf(error);
  // The client expects valid answers, and throws these errors for others.
  if (error instanceof TypeError || error instanceof SyntaxError) {
    return new FatalError(`Cannot ${doing}: its answer is not the Hub's (${withoutSecrets(messageOf(error), { token })})`, {
      hint: "check HF_ENDPOINT; a proxy or a mirror may answer in place of the Hub",
      cause: error,
    });
  }
  if (status === undefined) return error;
  const words = withoutSecrets(messageOf(error), { token }).replaceAll(/(https?:\/\/[^\s?]+)\?\S*/g, "$1");
  const message = `Cannot ${doing}: ${status} ${words}`;
  if (status === 401 || status === 403) {
    return new FatalError(message, { hint: "export HF_TOKEN with a token that may write to this repository (hf.co/settings/tokens)" });
  }
  if (status >= 500 || status === 408 || status === 429) return new TransientError(message);
  return new FatalError(message, { hint: "check --repo and --branch; the answer above says what the Hub did not like" });
}

/** Statuses after which another attempt may succeed. */
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface HubFetchNeeds {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called for each file body that the Hub accepted. */
  readonly onSent: (sizeBytes: number) => void;
}

/**
 * Creates the fetch() of the Hub's client, which retries transient failures. All its bodies are texts and blobs, which can be sent twice. A
 * commit that is sent twice makes no second change.
 * @throws {TransientError} where the host cannot be reached several times in a row.
 */
export function createHubFetch({ clock, signal, onSent }: HubFetchNeeds): typeof fetch {
  return (input, init) => {
    const either = init?.signal == null ? signal : AbortSignal.any([signal, init.signal]);
    const ask = async (isLast: boolean): Promise<Response> => {
      signal.throwIfAborted();
      const response = await fetch(input, { ...init, signal: either }).catch((error: unknown) => {
        // fetch() throws a TypeError with a cause for a failed connection.
        if (either.aborted || !(error instanceof TypeError)) throw error;
        throw new TransientError(`Cannot reach the Hub: ${networkReason(error.cause)}`, { cause: error });
      });
      if (!isLast && AGAIN.has(response.status)) {
        await response.body?.cancel();
        const retryAfterMs = retryAfter(response.headers.get("retry-after") ?? undefined);
        throw new TransientError(`The Hub answers ${response.status}`, retryAfterMs === undefined ? {} : { retryAfterMs });
      }
      if (response.ok && init?.method === "PUT" && init.body instanceof Blob) onSent(init.body.size);
      return response;
    };
    return retry(ask, { limits: RETRIES.hub, clock, signal });
  };
}
