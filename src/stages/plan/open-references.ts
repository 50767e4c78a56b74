import type { Config } from "../../config/schema.ts";
import { uploadFolders } from "../../config/resolve-config.ts";
import { referenceFiles, type ReferenceFiles, type ReferenceOptions } from "../../prompts/reference-files.ts";

/** The files that the configuration's uploads are about, as reading the prompts finds them. */
export function openReferences({ workflows }: Pick<Config, "workflows">, known?: ReferenceOptions["known"]): ReferenceFiles {
  return referenceFiles({ folders: uploadFolders(workflows), ...(known === undefined ? {} : { known }) });
}
