import { configJsonSchema, type JsonSchema } from "../../src/config/json-schema.ts";

interface Key {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

interface Section {
  readonly title: string;
  readonly keys: readonly Key[];
}

/** Returns docs/reference/configuration.md: every key with its type, default and meaning, as `src/config/schema.ts` declares them. */
export function configurationReference(): string {
  const sections = sectionsOf(configJsonSchema());
  const tables = sections.map(({ title, keys }) => `## ${title}\n\n${tableOf(keys)}`);
  return `# Configuration

<!-- Written by \`pnpm docs:generate\` from src/config/schema.ts. Edit the descriptions there. -->

The configuration is one YAML file. It is checked as a whole before any work begins, and an unknown key is an error.
[configs/pipeline.yaml](../../configs/pipeline.yaml) is an example with comments.

- \`\${NAME}\` and \`\${NAME:-default}\` take environment variables, in any value. \`$\${\` is a literal \`\${\`.
- Paths are relative to the file, except \`store.uri\` and \`export.uri\`, which are relative to \`dir\`.
- \`[]\` after a key stands for each entry of a list, \`NAME\` for a name of your own.
- A key without a default may be left out, unless the table says "required".

${tables.join("\n\n")}
`;
}

/** Names without a property are sections of the file: each gets a table of its own, the keys beside them the first. */
function sectionsOf(schema: JsonSchema): readonly Section[] {
  const entries = Object.entries(schema.properties ?? {});
  const isSection = (own: JsonSchema): boolean =>
    own.properties !== undefined || own.items?.properties !== undefined || mapOf(own) !== null;
  const top = entries.filter(([, own]) => !isSection(own)).flatMap(([name, own]) => keysOf(name, own, isRequired(schema, name)));
  const sections = entries
    .filter(([, own]) => isSection(own))
    .map(([name, own]): Section => ({ title: name, keys: withoutRepeats(keysOf(name, own, isRequired(schema, name))) }))
    .map(({ title, keys }) => ({ title, keys: title === "workflows" ? keys.slice(0, 1) : keys }));
  return [{ title: "Top level", keys: top }, ...sections];
}

/** Keys of a named mapping and of a lone one are the same: the named ones stay. */
function withoutRepeats(keys: readonly Key[]): readonly Key[] {
  const named = new Set(keys.filter(({ path }) => path.includes(".NAME.")).map(({ path }) => path.replace(".NAME.", ".")));
  return keys.filter(({ path }) => !named.has(path));
}

function keysOf(path: string, schema: JsonSchema, required: boolean): readonly Key[] {
  const own: Key = { path, type: typeOf(schema), fallback: fallbackOf(schema, required), meaning: schema.description ?? "" };
  const inner = innerKeys(path, schema);
  // A section that only groups its keys needs no row of its own.
  return inner.length > 0 && own.meaning === "" ? inner : [own, ...inner];
}

function innerKeys(path: string, schema: JsonSchema): readonly Key[] {
  const { properties, items, anyOf, oneOf } = schema;
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, own]) => keysOf(`${path}.${name}`, own, isRequired(schema, name)));
  }
  const each = mapOf(schema);
  if (each !== null) return innerKeys(`${path}.NAME`, each);
  if (items !== undefined) return innerKeys(`${path}[]`, items);
  const kinds = oneOf ?? anyOf ?? [];
  const found = kinds.flatMap((kind) => {
    const name = kind.properties?.["kind"]?.const;
    return innerKeys(name === undefined ? path : `${path} (${name})`, kind);
  });
  return [...new Map(found.map((key) => [`${key.path} ${key.meaning}`, key])).values()];
}

/** The schema of each value, where names are the user's own. */
function mapOf({ additionalProperties, properties }: JsonSchema): JsonSchema | null {
  const isMap = properties === undefined && typeof additionalProperties === "object" && additionalProperties.properties !== undefined;
  return isMap ? additionalProperties : null;
}

function isRequired({ required = [] }: JsonSchema, name: string): boolean {
  return required.includes(name);
}

function typeOf(schema: JsonSchema): string {
  const { anyOf, oneOf, items, properties, additionalProperties } = schema;
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  const either = anyOf ?? oneOf;
  if (either !== undefined) return [...new Set(either.map(typeOf))].join(", ");
  if (items !== undefined) return `list of ${typeOf(items)}`;
  if (properties !== undefined) return "mapping";
  if (additionalProperties !== undefined && additionalProperties !== false) return "mapping";
  const types = [schema.type ?? "any"].flat();
  return types.map((type) => (type === "string" ? "text" : type === "boolean" ? "true, false" : type)).join(", ") + boundsOf(schema);
}

function boundsOf({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` ≥ ${minimum}`;
  if (exclusiveMinimum !== undefined) return ` > ${exclusiveMinimum}`;
  return maximum === undefined ? "" : ` ≤ ${maximum}`;
}

function fallbackOf(schema: JsonSchema, required: boolean): string {
  if (required && schema["default"] === undefined) return "required";
  const { default: preset } = schema;
  if (preset === undefined || (typeof preset === "object" && preset !== null && schema.properties !== undefined)) return "";
  return `\`${JSON.stringify(preset)}\``;
}

function tableOf(keys: readonly Key[]): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = keys.map(
    ({ path, type, fallback, meaning }) => `| \`${cell(path)}\` | ${cell(type)} | ${cell(fallback)} | ${cell(meaning)} |`,
  );
  return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
