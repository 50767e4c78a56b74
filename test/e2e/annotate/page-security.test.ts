import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LeadAnswer, SessionAnswer, Task } from "../../../src/page/api.ts";
import { openSite, type Site } from "../../browser/site.ts";
import { joinPage, strangerAt, type PageClient } from "../../helpers/page-client.ts";

const HOSTILE = '<img src=x onerror=alert(1)>"; drop table votes; -- </script>';

let site: Site;
let url: string;
let leadLink: string;
let annLink: string;
let [lead, ann, bo, stranger]: PageClient[] = [];

beforeAll(async () => {
  const people = { task: "pair", gold_rate: 0 };
  site = await openSite({ prompts: [HOSTILE, "two cups of tea", "a red fox", "a map"], perPrompt: 2, people });
  leadLink = await site.serve();
  url = new URL(leadLink).origin;
  annLink = await site.invite("ann");
  [lead, ann, bo] = await Promise.all([leadLink, annLink, await site.invite("bo")].map(joinPage));
  stranger = strangerAt(url);
});

afterAll(async () => {
  for (const client of [lead, ann, bo, stranger]) client?.close();
  await site[Symbol.asyncDispose]();
});

describe("who may ask", () => {
  it("exchanges a personal link for a cookie that scripts and other sites never see, and clears the address bar", async () => {
    const { status, headers } = await stranger!.ask(new URL(annLink).pathname);
    expect(status).toBe(303);
    expect(headers.location).toBe("/");
    const [, ...attributes] = headers["set-cookie"]![0]!.split("; ");
    expect(attributes).toEqual(expect.arrayContaining(["HttpOnly", "SameSite=Strict", "Path=/"]));
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["referrer-policy"]).toBe("no-referrer");
  });

  it("answers nothing without a cookie, and says what to do", async () => {
    const page = readdirSync(join(import.meta.dirname, "../../../dist/web/assets"))[0]!;
    for (const path of ["/api/session", "/api/lead", "/api/votes", "/pictures/a/b/thumb", `/assets/${page}`, "/nowhere"]) {
      const answer = await stranger!.ask(path);
      expect([path, answer.status, (answer.json() as { error: string }).error]).toEqual([path, 401, "not-joined"]);
    }
    for (const path of ["/api/tasks", "/api/votes", "/api/csp-reports"]) expect((await stranger!.post(path, {})).status).toBe(401);
    const shown = await stranger!.ask("/");
    expect(shown.status).toBe(401);
    expect(shown.headers["content-type"]).toContain("text/html");
    expect(shown.text).toContain("Open the personal link that you were given");
    expect(shown.text).not.toContain("refresh");
  });

  it("reloads once if the link was on another site's page, whose requests carry no cookie yet", async () => {
    const shown = await stranger!.ask("/", { headers: { "sec-fetch-site": "cross-site" } });
    expect(shown.status).toBe(401);
    expect(shown.text).toContain('http-equiv="refresh" content="0;url=/"');
  });

  it("accepts only the right token", async () => {
    const right = ann!.cookie;
    const wrong = `${right.slice(0, -1)}${right.endsWith("A") ? "B" : "A"}`;
    for (const cookie of [wrong, right.slice(0, -1), `${right}A`, `${right.split("=")[0]}=`, right.toUpperCase()]) {
      expect((await strangerAt(url, cookie).ask("/api/session")).status).toBe(401);
    }
    expect((await stranger!.ask("/join/nothing")).headers["set-cookie"]).toBeUndefined();
  });

  it("stores no token in the database, the logs or anywhere else below dir", () => {
    const tokens = [leadLink, annLink].map((link) => link.split("/join/")[1]!);
    const files = readdirSync(site.project.runs, { recursive: true, encoding: "utf8" }).map((name) => join(site.project.runs, name));
    const holding = files.filter((file) => statSync(file).isFile() && tokens.some((token) => readFileSync(file).includes(token)));
    expect(holding).toEqual([]);
    expect(statSync(join(site.project.runs, "page/secret")).mode & 0o077).toBe(0);
  });

  it("shows everybody their own name, and the overview only to the lead", async () => {
    expect((await ann!.ask("/api/session")).json() as SessionAnswer).toMatchObject({ annotator: "ann", role: "annotator", task: "pair" });
    const refused = await ann!.ask("/api/lead");
    expect([refused.status, (refused.json() as { error: string }).error]).toEqual([403, "not-lead"]);
    expect(((await lead!.ask("/api/lead")).json() as LeadAnswer).annotators.map(({ annotator }) => annotator)).toEqual([
      "lead",
      "ann",
      "bo",
    ]);
  });

  it("ends at once with a revoked link", async () => {
    const cy = await joinPage(await site.invite("cy"));
    const [task] = await cy.tasks(1);
    expect((await cy.ask(task!.images[0]!.thumb)).status).toBe(200);
    await site.succeed("annotate", "revoke", "cy");
    for (const path of ["/api/session", task!.images[0]!.thumb]) expect((await cy.ask(path)).status).toBe(401);
    expect((await cy.ask("/")).text).toContain("no longer works");
    cy.close();
  });
});

describe("whose page it is", () => {
  it("answers only under its own host names (DNS rebinding)", async () => {
    const { port } = new URL(url);
    for (const host of ["rebound.example", `rebound.example:${port}`, `127.0.0.1.rebound.example:${port}`, "127.0.0.1", `127.0.0.1:1`]) {
      const answer = await ann!.ask("/api/session", { headers: { host } });
      expect([host, answer.status, (answer.json() as { error: string }).error]).toEqual([host, 403, "wrong-origin"]);
    }
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`]) {
      expect((await ann!.ask("/api/session", { headers: { host } })).status).toBe(200);
    }
  });

  it("accepts votes only from its own page (CSRF)", async () => {
    const send = (headers: Record<string, string>) =>
      ann!.ask("/api/tasks", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ holding: [], count: 0 }),
      });
    for (const origin of ["https://evil.example", "null", "", `${url}.evil.example`, url.replace("http:", "https:")]) {
      expect([origin, (await send({ origin })).status]).toEqual([origin, 403]);
    }
    for (const asker of ["cross-site", "same-site", "none"]) expect((await send({ "sec-fetch-site": asker })).status).toBe(403);
    expect((await send({ origin: url })).status).toBe(200);
    expect((await send({})).status).toBe(200);
  });

  it("refuses the content types of forms, and lets no other site read answers", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const answer = await ann!.ask("/api/tasks", {
        method: "POST",
        headers: { "content-type": type, origin: url },
        body: '{"holding":[],"count":1}',
      });
      expect([type, answer.status]).toEqual([type, 400]);
    }
    const { headers } = await ann!.ask("/api/session", { headers: { origin: "https://evil.example" } });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
  });
});

describe("what a browser is told", () => {
  it("runs nothing but the page's own files", async () => {
    for (const path of ["/", "/lead", "/api/session", "/nowhere"]) {
      const { headers } = await ann!.ask(path);
      const policy = String(headers["content-security-policy"]);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
    const { text } = await ann!.ask("/");
    expect(text).not.toMatch(/<script(?![^>]*\ssrc="\/)[^>]*>|<style|\sstyle=|\son\w+=|https?:\/\//);
  });

  it("counts reports against the policy", async () => {
    const report = (type: string) =>
      ann!.ask("/api/csp-reports", { method: "POST", headers: { "content-type": type, origin: "null" }, body: '{"csp-report":{}}' });
    const before = ((await lead!.ask("/api/lead")).json() as LeadAnswer).csp_reports;
    expect((await report("application/csp-report")).status).toBe(204);
    expect((await report("application/reports+json")).status).toBe(204);
    expect(before).toBe(0);
  });

  it("sends prompts as text", async () => {
    const tasks = await bo!.tasks(9);
    const hostile = tasks.find(({ prompt }) => prompt.startsWith("<img"));
    expect(hostile?.prompt).toBe(HOSTILE);
    const answer = await bo!.post("/api/tasks", { holding: [], count: 9 });
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(site.project.count("select count(*) from votes")).toBe(0);
  });
});

describe("what it takes", () => {
  it.each([
    ["no JSON", "{", 400],
    ["nothing", "", 400],
    ["another shape", '{"entries":[]}', 400],
    ["an unknown key", '{"holding":[],"count":1,"annotator":"lead"}', 400],
    ["a prototype", '{"holding":[],"count":1,"__proto__":{"role":"lead"}}', 400],
    ["too many tasks", '{"holding":[],"count":11}', 400],
    ["a path for a task", '{"holding":["../../etc/passwd"],"count":1}', 400],
    ["too much", `{"holding":["${"a".repeat(300_000)}"],"count":1}`, 413],
  ])("refuses %s", async (_what, body, status) => {
    const answer = await ann!.ask("/api/tasks", { method: "POST", headers: { "content-type": "application/json", origin: url }, body });
    expect(answer.status).toBe(status);
    expect((answer.json() as { message: string }).message).toMatch(/^Cannot /);
  });

  it.each([
    "/../package.json",
    "/..%2f..%2fpackage.json",
    "/assets/../../../package.json",
    "/assets/%2e%2e/%2e%2e/%2e%2e/package.json",
    "/pictures/../../../../../../etc/passwd",
    "/pictures/..%2f..%2fetc%2fpasswd/x/full",
    "/pictures/a/..%2f..%2f..%2fruns%2fpage%2fsecret/full",
    "/pictures/a/b/..%5c..%5csecret",
    "/page/secret",
    "/%00",
    "//etc/passwd",
    "/index.html",
  ])("lets no path reach the file system: %s", async (path) => {
    const answer = await ann!.ask(path);
    expect([400, 404]).toContain(answer.status);
    expect(answer.text).not.toMatch(/root:|"dependencies"/);
    expect(answer.headers["content-type"]).toContain("application/json");
  });

  it("refuses other methods", async () => {
    for (const method of ["PUT", "DELETE"] as const)
      expect((await ann!.ask("/api/votes", { method, headers: { origin: url } })).status).toBe(404);
  });
});

describe("images", () => {
  const take = async (client: PageClient): Promise<Task> => (await client.tasks(1))[0]!;

  it("are small WebP files for choosing, and originals without metadata for zooming", async () => {
    const [image] = (await take(bo!)).images;
    const thumb = await bo!.ask(image!.thumb);
    expect(thumb.headers["content-type"]).toBe("image/webp");
    expect(await sharp(thumb.bytes).metadata()).toMatchObject({ format: "webp", width: image!.width, height: image!.height });
    const [stored] = site.project.column("select uri from image_index").map(String);
    expect(readFileSync(new URL(stored!)).includes("KSampler")).toBe(true);
    const full = await bo!.ask(image!.full);
    expect(full.headers["content-type"]).toBe("image/png");
    expect(full.bytes.includes("tEXt") || full.bytes.includes("KSampler") || full.bytes.includes("safetensors")).toBe(false);
    expect(await sharp(full.bytes).metadata()).toMatchObject({ format: "png", width: image!.width, height: image!.height });
  });

  it("stay in the browser's cache for ever, and in no proxy", async () => {
    const [image] = (await take(bo!)).images;
    for (const path of [image!.thumb, image!.full]) {
      const { headers } = await bo!.ask(path);
      expect(headers["cache-control"]).toBe("private, max-age=31536000, immutable");
      const again = await bo!.ask(path, { headers: { "if-none-match": String(headers.etag) } });
      expect([again.status, again.bytes.length]).toEqual([304, 0]);
    }
  });

  it("are sent only to the person with the task, under names that reveal nothing", async () => {
    const task = await take(bo!);
    const [first, second] = task.images;
    const ids = site.project.column("select image_id from images").map(String);
    const said = JSON.stringify([task, (await bo!.ask(first!.thumb)).headers]);
    expect(ids.some((id) => said.includes(id) || said.includes(id.slice(2, 12)))).toBe(false);
    for (const path of [first!.thumb, first!.full]) expect((await ann!.ask(path)).status).toBe(404);
    expect((await stranger!.ask(first!.thumb)).status).toBe(401);
    expect((await bo!.ask(first!.thumb.replace(first!.slot, second!.slot.slice(0, -1)))).status).toBe(404);
    expect((await bo!.ask(first!.thumb.replace("/thumb", "/other"))).status).toBe(404);
  });
});
