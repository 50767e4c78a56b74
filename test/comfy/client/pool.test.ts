import { afterEach, describe, expect, it } from "vitest";
import { openComfyPool, type ComfyPool } from "../../../src/comfy/client/pool.ts";

const server = (port: number, headers = {}) => ({ url: `http://127.0.0.1:${port}/`, headers, ca_file: null, output_dir: null });
const url = (port: number): string => `http://127.0.0.1:${port}`;

let pool: ComfyPool;
afterEach(() => pool.close());

describe("openComfyPool()", () => {
  it("says who came and who left, and keeps the clients of those who left for their images", () => {
    pool = openComfyPool([server(1), server(2)]);
    const first = pool.get(url(1));
    expect(pool.update([server(2), server(3)])).toEqual({ added: [url(3)], removed: [url(1)] });
    expect([pool.size, pool.isConfigured(url(1)), pool.isConfigured(url(3))]).toEqual([2, false, true]);
    expect(pool.get(url(1))).toBe(first);
    expect(pool.update([server(1), server(2), server(3)])).toEqual({ added: [url(1)], removed: [] });
    expect(pool.get(url(1))).toBe(first);
  });

  it("makes another client where headers changed, and none where nothing did", () => {
    pool = openComfyPool([server(1, { authorization: "a" }), server(2)]);
    const [one, two] = [pool.get(url(1)), pool.get(url(2))];
    expect(pool.update([server(1, { authorization: "b" }), server(2)])).toEqual({ added: [], removed: [] });
    expect(pool.get(url(1))).not.toBe(one);
    expect(pool.get(url(2))).toBe(two);
  });
});
