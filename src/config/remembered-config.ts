import { stringifyExact } from "../lib/exact-json.ts";
import type { Config } from "./schema.ts";

/** What the database keeps of a configuration, JSON: as written, before ${NAME} was replaced, without headers and secrets. */
export function rememberedConfig(config: Pick<Config, "written">): string {
  return stringifyExact(config.written);
}
