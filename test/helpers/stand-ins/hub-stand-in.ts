import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { startHttpServer } from "./http-server.ts";

/**
 * A local stand-in for those parts of the Hugging Face Hub's HTTP API that pushing a dataset uses: create, tree, preupload, LFS batch
 * (basic
 * and in parts), commit as NDJSON, branches, resolve. Written after the requests of @huggingface/hub, and no proof of what the real Hub
 * does.
 */
export interface HubStandIn extends AsyncDisposable {
  readonly endpoint: string;
  readonly token: string;
  /** Every request, as `METHOD /path`. */
  readonly calls: string[];
  /** Large objects that came, by SHA-256: also of pushes that were never committed. */
  readonly objects: Map<string, Buffer>;
  readonly repos: Map<string, StandInRepo>;
  /** Answers instead of the stand-in where it does not return false. */
  intercept: (call: string, response: ServerResponse) => boolean;
  /** Contents by path. */
  files(repo: string, branch?: string): ReadonlyMap<string, Buffer>;
}

interface StandInRepo {
  private: boolean;
  readonly branches: Map<string, Map<string, StandInFile>>;
  readonly commits: string[];
}

interface StandInFile {
  readonly bytes: Buffer;
  readonly isLarge: boolean;
}

const LARGE = /\.(?:jsonl|gz|csv|parquet)$/;
/** Larger objects are asked for in parts of this size, bytes. */
const CHUNK_BYTES = 20_000;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly path: string;
  readonly body: Buffer;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export async function startHubStandIn(token = "hf_stand_in_token"): Promise<HubStandIn> {
  const objects = new Map<string, Buffer>();
  const parts = new Map<string, Buffer[]>();
  const repos = new Map<string, StandInRepo>();
  const calls: string[] = [];

  const json = (response: ServerResponse, value: unknown, status = 200): void =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));

  const create = ({ body, response }: Exchange): void => {
    const { name, organization, visibility } = JSON.parse(String(body)) as { name: string; organization: string; visibility?: string };
    const id = `${organization}/${name}`;
    if (repos.has(id)) return json(response, { error: "You already created this dataset repo" }, 409);
    const attributes = { bytes: Buffer.from("*.parquet filter=lfs\n"), isLarge: false };
    repos.set(id, {
      private: visibility === "private",
      branches: new Map([["main", new Map([[".gitattributes", attributes]])]]),
      commits: [],
    });
    json(response, { url: `${standIn.endpoint}/datasets/${id}`, id });
  };

  const batch = ({ body, response }: Exchange): void => {
    const { objects: wanted } = JSON.parse(String(body)) as { objects: { oid: string; size: number }[] };
    const href = (oid: string): string => `${standIn.endpoint}/lfs/${oid}`;
    const answer = wanted.map(({ oid, size }) => {
      if (objects.has(oid)) return { oid, size };
      const count = Math.ceil(size / CHUNK_BYTES);
      if (count <= 1) return { oid, size, actions: { upload: { href: href(oid) } } };
      const numbers = Array.from({ length: count }, (_, index) => String(index + 1).padStart(5, "0"));
      const header = Object.fromEntries(numbers.map((number) => [number, `${href(oid)}?part=${Number(number)}&X-Amz-Signature=secret`]));
      return {
        oid,
        size,
        actions: { upload: { href: `${href(oid)}?complete=1`, header: { ...header, chunk_size: String(CHUNK_BYTES) } } },
      };
    });
    json(response, { transfer: "basic", objects: answer });
  };

  const upload = ({ method, url, path, body, response }: Exchange): void => {
    const oid = path.slice("/lfs/".length);
    const part = Number(url.searchParams.get("part"));
    if (part > 0) {
      const known = parts.get(oid) ?? [];
      known[part - 1] = body;
      parts.set(oid, known);
      return void response.writeHead(200, { etag: `"${part}"` }).end();
    }
    const bytes = method === "POST" ? Buffer.concat(parts.get(oid) ?? []) : body;
    if (sha256(bytes) !== oid) return json(response, { error: "the bytes are not the object's" }, 400);
    objects.set(oid, bytes);
    response.writeHead(200).end();
  };

  const commit = (repo: StandInRepo, files: Map<string, StandInFile>, { body, response }: Exchange): void => {
    const lines = String(body)
      .split("\n")
      .map((line) => JSON.parse(line) as { key: string; value: Record<string, string> });
    const next = new Map(files);
    for (const { key, value } of lines) {
      const path = value["path"] ?? "";
      if (key === "header") repo.commits.push(value["summary"] ?? "");
      else if (key === "deletedFile") next.delete(path);
      else if (key === "file") next.set(path, { bytes: Buffer.from(value["content"] ?? "", "base64"), isLarge: false });
      else if (key === "lfsFile") {
        const bytes = objects.get(value["oid"] ?? "");
        if (bytes === undefined) return json(response, { error: `LFS pointer of ${path} points to nothing` }, 400);
        next.set(path, { bytes, isLarge: true });
      } else return json(response, { error: `unknown operation ${key}` }, 400);
    }
    files.clear();
    for (const [path, file] of next) files.set(path, file);
    json(response, { success: true, commitOid: "c0ffee", commitUrl: `${standIn.endpoint}/commit/c0ffee`, hookOutput: "" });
  };

  const tree = (files: ReadonlyMap<string, StandInFile>, { response }: Exchange): void => {
    const entries = [...files].map(([path, { bytes, isLarge }]) => {
      const size = bytes.length;
      const oid = (content: Uint8Array): string => createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
      const pointer = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${size}\n`);
      const own = { type: "file", path, size };
      return isLarge
        ? { ...own, oid: oid(pointer), lfs: { oid: sha256(bytes), size, pointerSize: pointer.length } }
        : { ...own, oid: oid(bytes) };
    });
    json(response, [{ type: "directory", path: "data", size: 0, oid: "0" }, ...entries]);
  };

  const resolve = (file: StandInFile | undefined, { request, response }: Exchange): void => {
    if (file === undefined) return void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const piece = file.bytes.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + piece.length - 1}/${file.bytes.length}`;
    response
      .writeHead(request.headers.range === undefined ? 200 : 206, { "content-range": range, etag: `"${sha256(file.bytes)}"` })
      .end(piece);
  };

  const ofRepo = (exchange: Exchange): void => {
    const { method, path, body, response } = exchange;
    const [, id = "", action = "", rest = ""] =
      /^\/(?:api\/)?datasets\/([^/]+\/[^/]+?)(?:\.git\/info|\/(\w+(?:-\w+)?))?(?:\/(.*))?$/.exec(path) ?? [];
    const repo = repos.get(id);
    if (repo === undefined) return json(response, { error: "Repository not found" }, 404);
    if (action === "" && rest === "") return json(response, { id, likes: 0 });
    if (rest === "lfs/objects/batch") return batch(exchange);
    const [branch = "", ...below] = rest.split("/").map(decodeURIComponent);
    if (action === "branch" && method === "POST") {
      repo.branches.set(branch, new Map(repo.branches.get("main")));
      return json(response, {});
    }
    const files = repo.branches.get(branch === "HEAD" ? "main" : branch);
    if (files === undefined) return json(response, { error: `Invalid rev id: ${branch}` }, 404);
    if (action === "revision") return json(response, { _id: "1", id, private: repo.private, lastModified: "2026-01-01T00:00:00.000Z" });
    if (action === "tree") return tree(files, exchange);
    if (action === "preupload") {
      const { files: asked } = JSON.parse(String(body)) as { files: { path: string }[] };
      return json(response, { files: asked.map((file) => ({ path: file.path, uploadMode: LARGE.test(file.path) ? "lfs" : "regular" })) });
    }
    if (action === "commit") return commit(repo, files, exchange);
    if (action === "resolve") return resolve(files.get(below.join("/")), exchange);
    json(response, { error: `no such route: ${method} ${path}` }, 404);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "", "http://stand-in");
    const [method = "GET", path] = [request.method, url.pathname];
    const body = await buffer(request);
    calls.push(`${method} ${path}`);
    if (standIn.intercept(`${method} ${path}`, response)) return;
    const exchange = { method, url, path, body, request, response };
    // What is signed needs no token, and must not be given one.
    if (path.startsWith("/lfs/"))
      return request.headers.authorization === undefined
        ? upload(exchange)
        : json(response, { error: "a token was sent to the storage" }, 400);
    if (request.headers.authorization !== `Bearer ${token}`) return json(response, { error: "Invalid username or password." }, 401);
    return path === "/api/repos/create" ? create(exchange) : ofRepo(exchange);
  };

  const server = await startHttpServer(answer);
  const standIn: HubStandIn = {
    endpoint: server.url,
    token,
    calls,
    objects,
    repos,
    intercept: () => false,
    files: (repo, branch = "main") => new Map([...(repos.get(repo)?.branches.get(branch) ?? [])].map(([path, { bytes }]) => [path, bytes])),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return standIn;
}
