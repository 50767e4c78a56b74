import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { ConfigError, FatalError, TransientError } from "../../../../src/errors.ts";
import { pushVersion, type PushOptions, type PushReport } from "../../../../src/stages/export/push/push.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { startHubStandIn, type HubStandIn } from "../../../helpers/stand-ins/hub-stand-in.ts";
import { openFixture, type Fixture } from "../fixture-database.ts";
import { openImageFixture } from "../image-fixture.ts";

// Against a stand-in of the Hub's HTTP API: the client is the real one, the Hub is not.

const REPO = "me/set";

async function push(fixture: Fixture, hub: HubStandIn, options: Partial<PushOptions> = {}): Promise<PushReport> {
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  const spoolFolder = join(fixture.dir, ".push-spool");
  const defaults = { version: "v1", isNamed: true, endpoint: hub.endpoint, token: hub.token, repo: REPO, branch: "main", isPrivate: false };
  return pushVersion({ ...fixture.needs, store, spoolFolder }, { ...defaults, ...options });
}

async function exported(): Promise<Fixture> {
  const fixture = await openFixture();
  for (let index = 0; index < 40; index++) fixture.addRow({ prompt: `prompt ${index}` });
  await fixture.export({ shards: 2 });
  return fixture;
}

const versionOf = async (fixture: Fixture, version: string): Promise<ReadonlyMap<string, Buffer>> =>
  new Map(
    [...(await fixture.files())]
      .filter(([path]) => path.startsWith(`${version}/`))
      .map(([path, bytes]) => [path.slice(version.length + 1), bytes]),
  );

const puts = (hub: HubStandIn): readonly string[] => hub.calls.filter((call) => call.startsWith("PUT /lfs/"));

describe("pushVersion()", () => {
  test("makes the repository, brings every file in one commit, and the second time nothing", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    const local = await versionOf(fixture, "v1");
    expect(await push(fixture, hub, { isPrivate: true })).toMatchObject({
      outcome: "pushed",
      added: local.size,
      same: 0,
      removed: 0,
      url: `${hub.endpoint}/datasets/${REPO}`,
      commit: `${hub.endpoint}/commit/c0ffee`,
    });
    const { ".gitattributes": _, ...there } = Object.fromEntries(hub.files(REPO));
    expect(there).toEqual(Object.fromEntries(local));
    expect(hub.repos.get(REPO)).toMatchObject({ private: true, commits: ["fixture v1"] });
    expect(puts(hub).length).toBeGreaterThan(3); // The shards went in parts.

    hub.calls.length = 0;
    expect(await push(fixture, hub)).toMatchObject({ outcome: "unchanged", commit: null, added: 0, same: local.size, sentBytes: 0 });
    expect(hub.calls.filter((call) => /^(?:PUT|POST) /.test(call))).toEqual([]);
  });

  test("brings a later version: only what is new is sent, what has left is removed, what is not ours stays", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    await push(fixture, hub);
    hub.repos
      .get(REPO)!
      .branches.get("main")!
      .set("images/sample.png", { bytes: Buffer.from("an image"), isLarge: false });
    fixture.addRow({ prompt: "one more" });
    await fixture.export({ shards: 1 });
    expect(await push(fixture, hub, { version: "v2" })).toMatchObject({ outcome: "pushed", removed: 2 });
    const { ".gitattributes": _, "images/sample.png": image, ...there } = Object.fromEntries(hub.files(REPO));
    expect(String(image)).toBe("an image");
    expect(there).toEqual(Object.fromEntries(await versionOf(fixture, "v2")));
  });

  test("brings the images of the formats that have them, and the card's samples", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await openImageFixture();
    for (const prompt of ["a cat", "a dog"]) await fixture.addImaged({ prompt });
    await fixture.export({ formats: ["parquet", "webdataset", "imagefolder", "winlose"], card: { samples: 1 } });
    await push(fixture, hub);
    const { ".gitattributes": _, ...there } = Object.fromEntries(hub.files(REPO));
    expect(there).toEqual(Object.fromEntries(await versionOf(fixture, "v1")));
    for (const ending of [/\.parquet$/, /\.tar$/, /^imagefolder\/.*\.png$/, /^winlose\/.*\.png$/, /^samples\//])
      expect(Object.keys(there)).toContainEqual(expect.stringMatching(ending));
  });

  test("after an interruption sends only what the Hub does not have", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    hub.intercept = (call, response) => {
      if (!call.includes("/commit/")) return false;
      response.writeHead(400, { "content-type": "application/json" }).end('{"error":"the night is over"}');
      return true;
    };
    const error = await push(fixture, hub).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FatalError);
    expect((error as FatalError).message).toContain("the night is over");
    expect([...hub.files(REPO).keys()]).toEqual([".gitattributes"]);
    expect(hub.objects.size).toBe(3);
    hub.intercept = () => false;
    hub.calls.length = 0;
    expect(await push(fixture, hub)).toMatchObject({ outcome: "pushed", sentBytes: 0 });
    expect(puts(hub)).toEqual([]);
  });

  test("tries again what fails for a moment", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    const failed = new Set<string>();
    hub.intercept = (call, response) => {
      if (failed.has(call)) return false;
      failed.add(call);
      if (failed.size % 2 === 0) response.destroy();
      else response.writeHead(503).end();
      return true;
    };
    expect(await push(fixture, hub)).toMatchObject({ outcome: "pushed" });
    hub.intercept = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(push(fixture, hub)).rejects.toBeInstanceOf(TransientError);
  });

  test("pushes to a branch, which it makes", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    const { url } = await push(fixture, hub, { branch: "draft/2" });
    expect(url).toBe(`${hub.endpoint}/datasets/${REPO}/tree/draft%2F2`);
    expect([...hub.files(REPO).keys()]).toEqual([".gitattributes"]);
    expect(hub.files(REPO, "draft/2").has("manifest.json")).toBe(true);
    expect(await push(fixture, hub, { branch: "draft/2" })).toMatchObject({ outcome: "unchanged" });
  });

  test("refuses a public repository where --private was asked for, another dataset's, and rows of somebody else", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    await push(fixture, hub);
    await expect(push(fixture, hub, { isPrivate: true })).rejects.toThrow(/--private was asked for, and the repository is public/);
    const main = hub.repos.get(REPO)!.branches.get("main")!;
    main.set("data/other.jsonl", { bytes: Buffer.from("{}\n"), isLarge: true });
    fixture.addRow({ prompt: "one more" });
    await fixture.export();
    await expect(push(fixture, hub, { version: "v2" })).rejects.toThrow(/files that comfy-dpo did not push.*data\/other\.jsonl/);
    main.delete("data/other.jsonl");
    await using other = await openFixture();
    other.addRow({ prompt: "a cat" });
    await other.export({}, {}, { config: { ...other.needs.config, dataset: "another" } });
    await expect(push(other, hub)).rejects.toBeInstanceOf(ConfigError);
  });

  test("refuses a part, a version that there is not, and damage", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    fixture.addRow({ prompt: "one more" });
    await fixture.export({}, { since: "v1" });
    await expect(push(fixture, hub, { version: "v2" })).rejects.toThrow(/it is a part/);
    await expect(push(fixture, hub, { version: "v3" })).rejects.toThrow(/no such complete version/);
    const path = "v1/data/train-00001-of-00002.jsonl";
    const bytes = Buffer.from((await fixture.files()).get(path)!);
    bytes[100]! ^= 1;
    await writeFile(join(fixture.exportDir, path), bytes);
    await expect(push(fixture, hub)).rejects.toThrow(/data\/train-00001-of-00002\.jsonl does not have the SHA-256/);
    expect(puts(hub)).toEqual([]);
  });

  test("refuses the newest version where it is not complete, and takes it by its name", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    fixture.addRow({ prompt: "one more" });
    await fixture.export({}, { as: "five", complete: false });
    const refused = await push(fixture, hub, { version: "five", isNamed: false }).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(ConfigError);
    expect((refused as ConfigError).message).toContain("five is not complete");
    expect((refused as ConfigError).hint).toContain("push five by its name");
    expect(hub.repos.has(REPO)).toBe(false);
    expect(await push(fixture, hub, { version: "v1", isNamed: false })).toMatchObject({ outcome: "pushed" });
    expect(await push(fixture, hub, { version: "five" })).toMatchObject({ outcome: "pushed" });
  });

  test("a refused token is told without it, a signed URL without its signature", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await exported();
    const refused = await push(fixture, hub, { token: "hf_wrong_secret" }).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(FatalError);
    expect((refused as FatalError).hint).toContain("HF_TOKEN");
    hub.intercept = (call, response) => {
      if (!call.startsWith("PUT /lfs/")) return false;
      response.writeHead(403).end("hf_stand_in_token");
      return true;
    };
    const forbidden = await push(fixture, hub).catch((thrown: unknown) => thrown);
    expect(forbidden).toBeInstanceOf(FatalError);
    expect(String(refused) + String(forbidden)).not.toMatch(/hf_wrong_secret|hf_stand_in_token|X-Amz-Signature/);
  });

  test("says that images of this machine are of no use to others", async () => {
    await using hub = await startHubStandIn();
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export({ uri_base: "file:///data/images" });
    await push(fixture, hub);
    expect(fixture.messages.join("\n")).toMatch(/The rows name images on this machine \(file:\/\/\/data\/images\//);
  });
});
