import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FatalError } from "../../../src/errors.ts";
import { serverSecret } from "../../../src/page/server/server-secret.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-secret-"));
  file = join(dir, "page/secret");
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("serverSecret()", () => {
  it("is made once, for its owner alone", () => {
    const secret = serverSecret(dir);
    expect(secret).toHaveLength(32);
    expect(serverSecret(dir)).toEqual(secret);
    expect([statSync(file).mode & 0o777, statSync(join(dir, "page")).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(readdirSync(join(dir, "page"))).toEqual(["secret"]);
  });

  it("is made anew where a full disk or a power cut left it empty", () => {
    serverSecret(dir);
    truncateSync(file);
    const secret = serverSecret(dir);
    expect(secret).toHaveLength(32);
    expect(readFileSync(file)).toEqual(Buffer.from(secret));
  });

  it("is never made of something else that lies there", () => {
    serverSecret(dir);
    writeFileSync(file, "seven");
    expect(() => serverSecret(dir)).toThrow(FatalError);
    expect(readFileSync(file, "utf8")).toBe("seven");
  });
});
