import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { downloadScript } from "../../../src/stages/export/make/make-version.ts";
import { csvField } from "../../../src/stages/export/make/images-csv.ts";
import { requirePart } from "../../helpers/parts.ts";

// The script is run as a user of a dataset runs it: by Python, beside images.csv.

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const images = new Map(Array.from({ length: 12 }, (_, index) => [`/images/${index}.png`, Buffer.alloc(100_000 + index, index)]));

/** What the next answers do instead of giving the image, by path. */
let faults: Map<string, ("cut" | "503" | "wrong" | "404")[]>;
let requests: { readonly path: string; readonly range: string | undefined }[];
let server: Server;
let base: string;
let dir: string;

beforeEach(async () => {
  faults = new Map();
  requests = [];
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-download-"));
  await writeFile(join(dir, "download.py"), downloadScript());
  server = createServer(({ url = "", headers: { range } }, response) => {
    requests.push({ path: url, range });
    const bytes = images.get(url) ?? Buffer.alloc(0);
    const fault = faults.get(url)?.shift();
    if (fault === "404" || !images.has(url)) return void response.writeHead(404).end();
    if (fault === "503") return void response.writeHead(503).end();
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const body = fault === "wrong" ? Buffer.alloc(bytes.length, "x") : bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { "content-length": body.length });
    if (fault !== "cut") return void response.end(body);
    response.write(body.subarray(0, body.length / 2), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // Listening on TCP, so it is an AddressInfo.
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true, force: true });
  };
});

const list = (lines: readonly (readonly [uri: string, bytes: Uint8Array])[]): Promise<void> =>
  writeFile(
    join(dir, "images.csv"),
    `uri,sha256,bytes\n${lines.map(([uri, bytes]) => `${csvField(uri)},${sha256(bytes)},${bytes.length}\n`).join("")}`,
  );

const run = (...args: readonly string[]): Promise<{ readonly exit: number; readonly stdout: string; readonly stderr: string }> =>
  new Promise((resolve) => {
    // Nothing of this machine's Python: the script promises to need none.
    execFile("python3", ["-I", "-S", join(dir, "download.py"), "--out", join(dir, "out"), ...args], { cwd: dir }, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

const at = (path: string): string => join(dir, "out", base.slice("http://".length).replace(":", "_"), path);
const all = (): (readonly [string, Buffer])[] => [...images].map(([path, bytes]) => [base + path, bytes]);

const hasPython = requirePart("python3", spawnSync("python3", ["--version"]).status === 0);

describe.skipIf(!hasPython)("download.py", () => {
  test("fetches over HTTP, checks, and asks for nothing that is there", async () => {
    await list(all());
    expect(await run()).toMatchObject({ exit: 0, stdout: "12 fetched, 0 there before, 0 failed\n" });
    for (const [path, bytes] of images) expect((await readFile(at(path))).equals(bytes)).toBe(true);
    expect((await readdir(join(dir, "out"), { recursive: true })).filter((name) => name.endsWith(".part"))).toEqual([]);
    requests = [];
    await writeFile(at("/images/3.png"), Buffer.alloc(100_003, "x")); // Damaged, of the right length.
    expect(await run()).toMatchObject({ exit: 0, stdout: "1 fetched, 11 there before, 0 failed\n" });
    expect(requests.map(({ path }) => path)).toEqual(["/images/3.png"]);
  });

  test("continues what was cut, and tries again what failed for a moment or was wrong", async () => {
    faults = new Map([
      ["/images/1.png", ["cut"]],
      ["/images/2.png", ["503", "503"]],
      ["/images/4.png", ["wrong"]],
    ]);
    await list(all());
    expect(await run()).toMatchObject({ exit: 0, stdout: "12 fetched, 0 there before, 0 failed\n" });
    for (const [path, bytes] of images) expect((await readFile(at(path))).equals(bytes), path).toBe(true);
    const ranges = requests.filter(({ path }) => path === "/images/1.png").map(({ range }) => range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  });

  test("starts again where the half that it finds is another image's", async () => {
    await list([[`${base}/images/1.png`, images.get("/images/1.png")!]]);
    await mkdir(dirname(at("/images/1.png")), { recursive: true });
    await writeFile(`${at("/images/1.png")}.part`, Buffer.alloc(5_000, "x"));
    expect(await run()).toMatchObject({ exit: 0 });
    expect((await readFile(at("/images/1.png"))).equals(images.get("/images/1.png")!)).toBe(true);
  });

  test("names what it cannot get, goes on with the rest, and exits 1", async () => {
    faults.set("/images/5.png", ["404"]);
    await list([...all(), ["gopher://x/y.png", Buffer.from("y")], [`${base}/../../etc/passwd`, Buffer.from("y")]]);
    const { exit, stdout, stderr } = await run("--retries", "1");
    expect(exit).toBe(1);
    expect(stdout).toBe("11 fetched, 0 there before, 3 failed\n");
    expect(stderr).toContain(`${base}/images/5.png: HTTP 404`);
    expect(stderr).toContain("gopher://x/y.png: nothing here reads gopher://");
    expect(stderr).toContain("its URI leads to no file name");
    expect(requests.filter(({ path }) => path.includes(".."))).toEqual([]);
  });

  test("never leaves a name on bytes that are not the image's", async () => {
    faults.set("/images/1.png", ["wrong", "wrong"]);
    await list([[`${base}/images/1.png`, images.get("/images/1.png")!]]);
    const { exit, stderr } = await run("--retries", "1");
    expect(exit).toBe(1);
    expect(stderr).toContain("does not have the length and SHA-256 of images.csv");
    expect(await readdir(dirname(at("/images/1.png")))).toEqual([]);
  });

  test("copies files and plain paths, also with a comma and a quote in them", async () => {
    const [first, second] = [join(dir, "a, b 100%.png"), join(dir, 'c"d.png')];
    await writeFile(first, "first");
    await writeFile(second, "second");
    await list([
      [pathToFileURL(first).href, Buffer.from("first")],
      [second, Buffer.from("second")],
      [pathToFileURL(join(dir, "gone.png")).href, Buffer.from("gone")],
    ]);
    const { exit, stdout, stderr } = await run();
    expect([exit, stdout]).toEqual([1, "2 fetched, 0 there before, 1 failed\n"]);
    expect(stderr).toContain("gone.png");
  });

  test("takes its share of the list", async () => {
    await list(all());
    const shares = [await run("--shard", "0/3"), await run("--shard", "1/3"), await run("--shard", "2/3")];
    expect(shares.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 3 }, () => "4 fetched, 0 there before, 0 failed\n"));
    expect(await run()).toMatchObject({ stdout: "0 fetched, 12 there before, 0 failed\n" });
  });
});
