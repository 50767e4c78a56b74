import { describe, expect, it } from "vitest";
import { comfyClient } from "../../../src/comfy/client/client.ts";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { serveText } from "./replay-server.ts";

const { signal } = new AbortController();

async function contact(status: number, text: string): Promise<unknown> {
  await using server = await serveText(status, text);
  const client = comfyClient({ url: `${server.url}/comfy`, headers: {} });
  try {
    return await client.systemStats(signal).catch((error: unknown) => error);
  } finally {
    await client.close();
  }
}

describe("the first contact with a server", () => {
  it.each([
    [404, '{"message":"Route GET:/comfy/system_stats not found","error":"Not Found","statusCode":404}', "comfyui-api"],
    [404, '{"detail":"Not Found"}', "FastAPI"],
    [405, '{"detail":"Method Not Allowed"}', "FastAPI"],
    [404, "modal-http: invalid function call\n", "Modal"],
  ])("%s %s is refused by name, for good", async (status, text, name) => {
    const error = await contact(status, text);
    expect(error).toBeInstanceOf(FatalError);
    expect((error as FatalError).message).toMatch(
      /^Cannot use http:\S+\/comfy as a ComfyUI server: .* answers there, not ComfyUI's own API$/,
    );
    expect((error as FatalError).message).toContain(name);
    expect((error as FatalError).hint).toContain("ComfyUI");
  });

  it.each([
    [404, "404: Not Found"],
    [404, '{"message":"no healthy upstream"}'],
    [500, "modal-http: internal error"],
    [502, '{"detail":"Not Found"}'],
    [200, "<html><title>Login</title>"],
    [200, '{"detail":"Not Found"}'],
  ])("%s %s may pass: it is tried again", async (status, text) => {
    expect(await contact(status, text)).toBeInstanceOf(TransientError);
  });

  it("reads the version of old and new servers, whatever else they say", async () => {
    expect(await contact(200, '{"system":{"os":"posix","comfyui_version":"0.26.1","new":[1]},"devices":[]}')).toMatchObject({
      version: "0.26.1",
    });
    expect(await contact(200, '{"system":{"os":"nt"},"devices":[{"name":"cuda:0"}]}')).toMatchObject({ version: "unknown" });
  });
});
