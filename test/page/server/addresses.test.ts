import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/errors.ts";
import { isLoopback, listOwnOrigins, buildPageUrl, refuseOpenNetwork } from "../../../src/page/server/addresses.ts";

const open = { host: "0.0.0.0", publicUrl: null, insecure: false };

describe("refuseOpenNetwork()", () => {
  it("accepts loopback, TLS and --insecure, and nothing else", () => {
    expect(() => refuseOpenNetwork({ ...open, host: "127.0.0.1" })).not.toThrow();
    expect(() => refuseOpenNetwork({ ...open, publicUrl: "https://vote.example" })).not.toThrow();
    expect(() => refuseOpenNetwork({ ...open, insecure: true })).not.toThrow();
    expect(() => refuseOpenNetwork(open)).toThrow(ConfigError);
    expect(() => refuseOpenNetwork({ ...open, host: "192.168.1.2" })).toThrow(ConfigError);
    expect(() => refuseOpenNetwork({ ...open, publicUrl: "http://vote.example" })).toThrow(ConfigError);
  });

  it("knows which addresses no other machine reaches", () => {
    expect(["localhost", "127.0.0.1", "127.9.9.9", "::1"].every(isLoopback)).toBe(true);
    expect(["127.0.0.1.example", "0.0.0.0", "::", "10.0.0.1", "localhost.example"].some(isLoopback)).toBe(false);
  });
});

describe("listOwnOrigins()", () => {
  it("accepts the names of loopback on loopback, and the public address as well", () => {
    expect([...listOwnOrigins({ host: "127.0.0.1", publicUrl: "https://vote.example/" }, 4180)]).toEqual([
      "http://127.0.0.1:4180",
      "http://localhost:4180",
      "http://[::1]:4180",
      "https://vote.example",
    ]);
  });

  it("accepts one address if one was given", () => {
    expect([...listOwnOrigins({ host: "10.1.2.3", publicUrl: null }, 80)]).toEqual(["http://10.1.2.3"]);
  });

  it("accepts this machine's addresses and name if it listens on all, and no other name", () => {
    const origins = listOwnOrigins({ host: "0.0.0.0", publicUrl: null }, 4180);
    expect(origins.has("http://127.0.0.1:4180")).toBe(true);
    expect(origins.has(`http://${hostname().toLowerCase()}:4180`)).toBe(true);
    expect(origins.has("http://0.0.0.0:4180")).toBe(false);
    expect(origins.has("http://rebound.example:4180")).toBe(false);
  });
});

describe("buildPageUrl()", () => {
  it("is an address at which people can reach it", () => {
    expect(buildPageUrl({ host: "127.0.0.1", publicUrl: null }, 4180)).toBe("http://127.0.0.1:4180");
    expect(buildPageUrl({ host: "::1", publicUrl: null }, 4180)).toBe("http://[::1]:4180");
    expect(buildPageUrl({ host: "127.0.0.1", publicUrl: "https://vote.example/" }, 4180)).toBe("https://vote.example");
    expect(buildPageUrl({ host: "0.0.0.0", publicUrl: null }, 4180)).not.toContain("0.0.0.0:");
  });
});
