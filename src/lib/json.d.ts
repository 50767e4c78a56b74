// TypeScript 7's lib has neither JSON.rawJSON nor the reviver's third argument, both in Node >= 22.
// Source: https://tc39.es/proposal-json-parse-with-source/
interface RawJson {
  readonly rawJSON: string;
}

interface JSON {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
  parse(text: string, reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
}
