import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { configJsonSchema, type JsonSchema } from "./json-schema.ts";

/** configs/schema.json as it should be: the schema, and `${NAME}` in place of any value that is no text. */
export function schemaFileText(): string {
  const { $schema, ...schema } = configJsonSchema();
  const oneWorkflow = { oneOf: [{ required: ["workflow"] }, { required: ["workflows"] }] };
  return `${JSON.stringify({ $schema, title: "comfy-dpo configuration", ...allowVariables(schema), ...oneWorkflow }, null, 2)}\n`;
}

const VARIABLE: JsonSchema = { type: "string", pattern: "\\$\\{[^}]*\\}", description: "an environment variable" };

function allowVariables(schema: JsonSchema): JsonSchema {
  const isText = schema.type === "string" && schema.enum === undefined && schema.const === undefined && schema.pattern === undefined;
  const isScalar = schema.type !== undefined && schema.type !== "object" && schema.type !== "array";
  if (isScalar && !isText && !String(schema.type).includes("string,")) {
    const { default: preset, description, ...rest } = schema;
    return {
      ...(preset === undefined ? {} : { default: preset }),
      ...(description === undefined ? {} : { description }),
      anyOf: [rest, VARIABLE],
    };
  }
  return {
    ...schema,
    ...(schema.properties === undefined ? {} : { properties: mapSchemas(schema.properties) }),
    ...(typeof schema.additionalProperties === "object" ? { additionalProperties: allowVariables(schema.additionalProperties) } : {}),
    ...(schema.items === undefined ? {} : { items: allowVariables(schema.items) }),
    ...(schema.anyOf === undefined ? {} : { anyOf: schema.anyOf.map(allowVariables) }),
    ...(schema.oneOf === undefined ? {} : { oneOf: schema.oneOf.map(allowVariables) }),
  };
}

function mapSchemas(schemas: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, allowVariables(schema)]));
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "../../configs/schema.json"), schemaFileText());
