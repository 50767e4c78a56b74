import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, afterEach, beforeEach } from "vitest";
import {
  isSameText,
  deriveLeadToken,
  createTaskId,
  createToken,
  deriveSlot,
  hashToken,
  openServerSecret,
} from "../../../src/page/server/secrets.ts";
import { FatalError } from "../../../src/errors.ts";

const SECRET = Buffer.alloc(32, 7);
const place = { taskId: "t", annotatorId: 1, name: "i_a" };

describe("tokens", () => {
  it("are long, safe in a URL, and never equal", () => {
    const tokens = Array.from({ length: 1_000 }, createToken);
    expect(new Set(tokens).size).toBe(1_000);
    expect(tokens.every((token) => /^[\w-]{43}$/.test(token))).toBe(true);
    expect(createTaskId()).toMatch(/^[\w-]{22}$/);
  });

  it("are stored as hashes", () => {
    expect(hashToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("give the lead the same link as long as the secret exists", () => {
    expect(deriveLeadToken(SECRET)).toBe(deriveLeadToken(Buffer.alloc(32, 7)));
    expect(deriveLeadToken(SECRET)).not.toBe(deriveLeadToken(Buffer.alloc(32, 8)));
    expect(deriveLeadToken(SECRET)).toMatch(/^[\w-]{43}$/);
  });
});

describe("deriveSlot()", () => {
  it("names an image differently in every task, for every person and with every secret", () => {
    const others = [
      deriveSlot(SECRET, place),
      deriveSlot(SECRET, { ...place, taskId: "u" }),
      deriveSlot(SECRET, { ...place, annotatorId: 2 }),
      deriveSlot(SECRET, { ...place, name: "i_b" }),
      deriveSlot(Buffer.alloc(32, 8), place),
    ];
    expect(new Set(others).size).toBe(others.length);
    expect(deriveSlot(SECRET, place)).toBe(others[0]);
    expect(others.every((slot) => /^[\w-]{22}$/.test(slot))).toBe(true);
  });
});

describe("isSameText()", () => {
  it("compares texts of any length", () => {
    expect(isSameText("abc", "abc")).toBe(true);
    expect(isSameText("abc", "abd")).toBe(false);
    expect(isSameText("abc", "abcd")).toBe(false);
  });
});

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-secret-"));
  file = join(dir, "page/secret");
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("openServerSecret()", () => {
  it("is created once, readable only by its owner", () => {
    const secret = openServerSecret(dir);
    expect(secret).toHaveLength(32);
    expect(openServerSecret(dir)).toEqual(secret);
    expect([statSync(file).mode & 0o777, statSync(join(dir, "page")).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(readdirSync(join(dir, "page"))).toEqual(["secret"]);
  });

  it("is created again if a full disk or a power cut left it empty", () => {
    openServerSecret(dir);
    truncateSync(file);
    const secret = openServerSecret(dir);
    expect(secret).toHaveLength(32);
    expect(readFileSync(file)).toEqual(Buffer.from(secret));
  });

  it("is not replaced if the file contains something else", () => {
    openServerSecret(dir);
    writeFileSync(file, "seven");
    expect(() => openServerSecret(dir)).toThrow(FatalError);
    expect(readFileSync(file, "utf8")).toBe("seven");
  });
});
