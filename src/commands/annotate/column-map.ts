import { ConfigError } from "../../errors.ts";

/** `image_0_uid=left,label_0=won` as our name → the file's. @throws {ConfigError} for anything else. */
export function columnMap(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  const pairs = text.split(",").map((pair) => {
    const [, ours, theirs] = /^\s*([^=]+?)\s*=\s*(.+?)\s*$/.exec(pair) ?? [];
    if (ours === undefined || theirs === undefined)
      throw new ConfigError(`Cannot map ${JSON.stringify(pair)}: it is no OURS=THEIRS`, {
        hint: "for example --map image_0_uid=left,image_1_uid=right",
      });
    return [ours, theirs] as const;
  });
  const names = pairs.map(([ours]) => ours);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new ConfigError(`Cannot map ${twice} twice`, { hint: "name each of our columns once in --map" });
  return Object.fromEntries(pairs);
}
