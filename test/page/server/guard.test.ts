import fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { annotatorQueries } from "../../../src/db/queries/page/annotators.ts";
import { openDatabase, type Db } from "../../../src/db/open.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { addGuard } from "../../../src/page/server/guard.ts";
import { answerErrors } from "../../../src/page/server/page-error.ts";
import { hashToken } from "../../../src/page/server/secrets.ts";

let app: FastifyInstance;
let db: Db;

beforeEach(async () => {
  db = openDatabase(":memory:");
  const annotators = annotatorQueries(db);
  for (const name of ["ann", "bo"]) annotators.setToken(name, { role: "annotator", tokenSha256: hashToken(name), nowMs: 0 });
  app = fastify();
  answerErrors(app, { log: { warn: () => undefined, error: () => undefined }, clock: systemClock });
  const origins = new Set(["http://localhost"]);
  await addGuard(app, { db, clock: systemClock, origins: () => origins, publicUrl: null, cookieName: "c", queries: { annotators } });
  app.get("/", (_request, reply) => reply.send("ok"));
});

afterEach(async () => {
  await app.close();
  db.close();
});

const ask = (name: string) => app.inject({ url: "/", headers: { host: "localhost" }, cookies: { c: name } });

describe("addGuard()", () => {
  it("slows one person down and lets the others vote, behind one address", async () => {
    for (let request = 0; request < 6_000; request++) expect((await ask("ann")).statusCode).toBe(200);
    const refused = await ask("ann");
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(refused.json()).toMatchObject({ error: "too-many-requests" });
    expect((await ask("bo")).statusCode).toBe(200);
  });

  it("answers although the disk cannot record who came", async () => {
    db.client.pragma("query_only = ON"); // As a disk that went read-only: SQLITE_READONLY.
    expect((await ask("ann")).statusCode).toBe(200);
  });

  it("records when somebody came, once a minute", async () => {
    await ask("ann");
    const seenAtMs = annotatorQueries(db).findByName("ann")!.seenAtMs!;
    expect(Math.abs(Date.now() - seenAtMs)).toBeLessThan(60_000);
    await ask("ann");
    expect(annotatorQueries(db).findByName("ann")!.seenAtMs).toBe(seenAtMs);
    expect(annotatorQueries(db).findByName("bo")!.seenAtMs).toBeNull();
  });
});
