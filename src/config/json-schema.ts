import { z } from "zod";
import { configSchema } from "./schema.ts";

/** The part of JSON Schema (2020-12) that zod writes for our schema. */
export interface JsonSchema {
  readonly description?: string | undefined;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly required?: readonly string[];
  readonly enum?: readonly (string | number | boolean)[];
  readonly const?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly patternErrorMessage?: string;
  readonly [key: string]: unknown;
}

/** Returns the JSON Schema of a configuration file: for editors, and for messages that say what was expected. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, {
    io: "input",
    unrepresentable: "any", // bigint: `mergeIntegers` says what it is.
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodUnion) mergeIntegers(zodSchema, jsonSchema);
      // Integers beyond 2^53 are taken too; the bounds of z.int() would underline them.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return allowLonePairs(schema as JsonSchema); // zod writes nothing that JsonSchema has another type for.
}

/** A number or a bigint: to a reader of YAML one kind of number. */
function mergeIntegers(union: z.ZodUnion, jsonSchema: z.core.JSONSchema.BaseSchema): void {
  const isBigint = union.options.map((option) => option instanceof z.ZodBigInt);
  if (!isBigint.includes(true)) return;
  const rest = jsonSchema.anyOf?.filter((_, index) => !isBigint[index]) ?? [];
  jsonSchema.anyOf = rest;
  const [only] = rest;
  if (rest.length > 1 || only === undefined) return;
  delete jsonSchema.anyOf;
  Object.assign(jsonSchema, only);
}

/** `annotate.pairs` is a mapping of sets, or one set alone. */
function allowLonePairs(schema: JsonSchema): JsonSchema {
  const annotate = schema.properties?.["annotate"];
  const pairs = annotate?.properties?.["pairs"];
  if (annotate === undefined || pairs === undefined || typeof pairs.additionalProperties !== "object") {
    throw new Error("the schema has no annotate.pairs, a mapping of sets");
  }
  const { description, default: preset, ...sets } = pairs;
  const either = { description, default: preset, anyOf: [sets, pairs.additionalProperties] };
  return {
    ...schema,
    properties: { ...schema.properties, annotate: { ...annotate, properties: { ...annotate.properties, pairs: either } } },
  };
}
