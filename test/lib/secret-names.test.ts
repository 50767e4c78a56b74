import { describe, expect, it } from "vitest";
import { isSecretInput, isSecretName, masked } from "../../src/lib/secret-names.ts";

describe("isSecretName()", () => {
  it.each([
    "api_key",
    "apikey",
    "apiKey",
    "API_KEY",
    "api-key",
    "openai_api_key",
    "openAIApiKey",
    "api_key_comfy_org",
    "auth_token_comfy_org",
    "token",
    "hf_token",
    "auth_token",
    "accessToken",
    "password",
    "db_password",
    "secret",
    "client_secret",
    "secret_key",
    "private_key",
    "aws_secret_access_key",
    "credentials",
    "Authorization",
    "model.api_key",
    "api_keys",
    "api_key2",
    "pwd",
    "jwt",
    "cookie",
    "bot_token",
    "user_token",
    "replicate_token",
    "subscription_key",
  ])("knows %s", (name) => expect(isSecretName(name)).toBe(true));

  it.each([
    "key",
    "keywords",
    "tokens",
    "max_tokens",
    "token_normalization",
    "trigger_token",
    "text",
    "seed",
    "author",
    "auth_mode",
    "monkey",
    "secretary",
    "passwords_list",
    "",
  ])("takes %j for an ordinary one", (name) => expect(isSecretName(name)).toBe(false));
});

describe("isSecretInput()", () => {
  it.each(["sk-proj-0123456789abcdef", "hf_abcdefghijklmnopqrst", `AKIA${"A".repeat(16)}`])(
    "knows %s by its form, whatever its input is called",
    (value) => expect(isSecretInput("text", value)).toBe(true),
  );
  it.each([
    `r8_${"a1".repeat(20)}`,
    `gsk_${"a1".repeat(20)}`,
    `glpat-${"a1".repeat(10)}`,
    "xoxb-123456789012-abcdefghijkl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghij",
    "bearer 0123456789",
    " hf_abcdefghijklmnopqrst\n",
  ])("knows %j of other services, too", (value) => expect(isSecretInput("text", value)).toBe(true));

  it.each(["key", "openai_key", "openAIKey", "token_hf", "service_token", "pass"])(
    "decides by the value whether %s holds a secret",
    (name) => {
      expect(isSecretInput(name, "a8b7c6d5e4f3a2b1c0d9")).toBe(true);
      for (const ordinary of [
        "cfg",
        "ohwx woman",
        "first_pass",
        "image_batch_number_0001",
        "models/sdxl-v10-fp16",
        "style_of_the_year_1999.safetensors",
      ])
        expect(isSecretInput(name, ordinary)).toBe(false);
    },
  );

  it.each([["4", 0], 7, "", null, true])("takes %j for no secret: it is a link, a number or empty", (value) =>
    expect(isSecretInput("api_key", value)).toBe(false),
  );
});

it("masked() keeps everything but the secrets, at any depth", () => {
  expect(masked({ a: [{ api_key: "abc", cfg: 7 }], token: "t", text: "a fox" })).toEqual({
    a: [{ api_key: "***", cfg: 7 }],
    token: "***",
    text: "a fox",
  });
});
