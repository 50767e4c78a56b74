import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/load-config.ts";
import { schemaFileText } from "../../src/config/write-json-schema.ts";

const CONFIGS = join(import.meta.dirname, "../../configs");
const files = readdirSync(CONFIGS).filter((name) => name.endsWith(".yaml"));

describe("configs/schema.json", () => {
  it("is what `pnpm schema:generate` writes", () => {
    expect(readFileSync(join(CONFIGS, "schema.json"), "utf8")).toBe(schemaFileText());
  });

  it("says what is required, and lets variables stand for numbers", () => {
    const schema = JSON.parse(schemaFileText()) as {
      required: string[];
      properties: Record<string, { properties: Record<string, unknown>; required?: string[] }>;
    };
    expect(schema.required).toEqual(["dataset", "prompts", "servers"]);
    expect(schema.properties["prompts"]?.required).toEqual(["file"]);
    expect(schema.properties["harvest"]?.properties["concurrency"]).toMatchObject({
      default: 16,
      anyOf: [{ type: "integer", minimum: 1 }, { type: "string" }],
    });
  });
});

describe("the examples", () => {
  it("are there", () => {
    expect(files).toEqual(expect.arrayContaining(["pipeline.yaml", "demo.yaml", "sdxl-pool.yaml"]));
  });

  it.each(files)("%s loads, names the schema for editors and files that are there", (name) => {
    const path = join(CONFIGS, name);
    const config = loadConfig(path, { env: { COMFY_TOKEN: "x" } });
    expect(readFileSync(path, "utf8")).toMatch(/^# yaml-language-server: \$schema=schema\.json\n/);
    expect(existsSync(config.prompts.file)).toBe(true);
    for (const { file } of Object.values(config.workflows)) expect(existsSync(file)).toBe(true);
  });

  it("show the defaults in their comments", () => {
    const path = join(CONFIGS, "pipeline.yaml");
    const config = loadConfig(path, { env: {} });
    const section = (name: string): unknown =>
      parse(new RegExp(`^# ${name}:\\n(?:#   .*\\n)+`, "m").exec(readFileSync(path, "utf8"))?.[0].replaceAll(/^# /gm, "") ?? "");
    expect(section("generate")).toEqual({ generate: config.generate });
    expect({ harvest: config.harvest }).toMatchObject(section("harvest") as object);
  });
});
