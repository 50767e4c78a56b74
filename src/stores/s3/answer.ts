const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" };

/** A store's refusal, in the shape that the SDK gives to one: `name` is S3's code. */
export class S3Answer extends Error {
  override readonly name: string;
  readonly $metadata: { readonly httpStatusCode: number };
  readonly $response: { readonly headers: Readonly<Record<string, string | undefined>> };

  /** `body` is XML with Code and Message, `location` a redirect's target. Source: Amazon S3 API Reference, "REST error responses". */
  constructor(status: number, body: string, location?: string) {
    super(textOf(body, "Message") ?? "the store did not say why");
    this.name = textOf(body, "Code") ?? "Error";
    this.$metadata = { httpStatusCode: status };
    this.$response = { headers: { location } };
  }
}

function textOf(xml: string, element: string): string | undefined {
  const [, text] = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml) ?? [];
  return text?.replaceAll(/&\w+;/g, (entity) => ENTITIES[entity] ?? entity);
}
