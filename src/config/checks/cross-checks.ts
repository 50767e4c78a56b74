import { resolve } from "node:path";
import { didYouMean } from "../../lib/nearest.ts";
import { resolveExportUri } from "../addresses.ts";
import { formatPath, type Path } from "../path.ts";
import { findTwice, problemAt, type Problem } from "../problem.ts";
import { ADOPTED_VARIANT, type ConfigFile } from "../schema.ts";
import { checkReclaim, checkServers, checkStores } from "./check-addresses.ts";
import { checkAnnotate, checkJudgeRoles, type FileForm } from "./check-annotate.ts";
import { checkJudges } from "./check-judges.ts";

/** Finds what each key by itself cannot show: names that lead nowhere, things said twice, addresses that no request goes to. */
export function crossChecks(config: ConfigFile, file: FileForm): readonly Problem[] {
  return [
    ...checkPrompts(config),
    ...checkWorkflows(config),
    ...checkUploads(config),
    ...checkCandidates(config),
    ...checkServers(config),
    ...checkReclaim(config),
    ...checkStores(config),
    ...checkAnnotate(config, file),
    ...checkJudges(config),
    ...checkJudgeRoles(config, file),
    ...checkExport(config),
  ];
}

function checkPrompts({ prompts }: ConfigFile): readonly Problem[] {
  const filled = ["prompt", "seed", "negative"].filter((name) => Object.hasOwn(prompts.columns, name));
  return [
    ...(prompts.template.includes("{prompt}")
      ? []
      : [problemAt(["prompts", "template"], " has no {prompt} in it: every image would be made from the same text")]),
    ...filled.map((name) =>
      problemAt(
        ["prompts", "columns", name],
        ` cannot come from a column here: ${name === "seed" ? "candidates.seeds says which seeds there are" : `prompts.${name} names its column`}`,
        "key",
      ),
    ),
  ];
}

function checkWorkflows({ workflow, workflows }: ConfigFile): readonly Problem[] {
  if (workflow !== undefined && workflows !== undefined)
    return [problemAt(["workflows"], " and workflow are both given: keep one of them", "key")];
  if (workflow === undefined && workflows === undefined)
    return [problemAt([], "workflow is missing: expected workflow (or workflows, several by name)")];
  return workflows !== undefined && Object.keys(workflows).length === 0 ? [problemAt(["workflows"], " names no workflow")] : [];
}

/** Finds names whose files two workflows look for in different folders. */
function checkUploads({ workflows = {} }: ConfigFile): readonly Problem[] {
  const first = new Map<string, { readonly folder: string; readonly path: Path }>();
  return Object.entries(workflows).flatMap(([workflow, { uploads }]) =>
    Object.entries(uploads).flatMap(([name, written]): readonly Problem[] => {
      const path = ["workflows", workflow, "uploads", name];
      const folder = resolve("/", written); // All are relative to one file: only equality counts.
      const other = first.get(name);
      if (other === undefined) first.set(name, { folder, path });
      if (other === undefined || other.folder === folder) return [];
      const why = ` is another folder than ${formatPath(other.path)}: a prompt has one image of a name, whichever workflow takes it`;
      return [{ path, part: "value", message: `${formatPath(path)}${why}` }];
    }),
  );
}

function checkCandidates(config: ConfigFile): readonly Problem[] {
  const { candidates, workflows } = config;
  const { variants } = candidates;
  const known = workflows === undefined ? ["main"] : Object.keys(workflows);
  const unknown = variants.flatMap(({ workflow }, index) => {
    const path = ["candidates", "variants", index];
    if (workflow === undefined)
      return known.length > 1
        ? [problemAt(path, ` names no workflow, and there are ${known.length}: add workflow: ${known.join(" | ")}`)]
        : [];
    return known.includes(workflow)
      ? []
      : [
          problemAt(
            [...path, "workflow"],
            ` is "${workflow}", and there is no such workflow${didYouMean(workflow, known) || `; there is ${known.join(", ")}`}`,
          ),
        ];
  });
  return [
    ...unknown,
    ...variants.flatMap(({ name }, index) =>
      name === ADOPTED_VARIANT
        ? [
            problemAt(
              ["candidates", "variants", index, "name"],
              ` is "${ADOPTED_VARIANT}", the variant of adopted images: choose another name`,
            ),
          ]
        : [],
    ),
    ...findTwice(
      variants.map(({ name }) => name),
      (index) => ["candidates", "variants", index, "name"],
    ),
    ...checkSeeds(config),
  ];
}

function checkSeeds({ candidates: { seeds, per_prompt: perPrompt }, export: { seed_format: seedFormat } }: ConfigFile): readonly Problem[] {
  const path = ["candidates", "seeds"];
  if (seeds === "derived") return [];
  if (!Array.isArray(seeds)) {
    if (seeds.max + 1 >= perPrompt) return [];
    return [
      problemAt(
        [...path, "max"],
        ` is ${seeds.max}: there are ${seeds.max + 1} such seeds, and candidates.per_prompt asks for ${perPrompt}`,
      ),
    ];
  }
  return [
    ...findTwice(seeds.map(String), (index) => [...path, index]),
    // The export would refuse them, after the night in which their images were made.
    ...seeds.flatMap((seed, index) =>
      seedFormat === "string" || seed <= Number.MAX_SAFE_INTEGER
        ? []
        : [
            problemAt(
              [...path, index],
              ` is ${seed}, and readers of JSON round numbers over 2^53-1: set export.seed_format: string (for the whole export), or take a smaller seed`,
            ),
          ],
    ),
  ];
}

function checkExport({ export: { pairs: set, uri, splits }, annotate: { pairs } }: ConfigFile): readonly Problem[] {
  const sets = Object.keys(pairs);
  const checked = resolveExportUri(uri, "/");
  const sum = splits === undefined ? 1 : splits.train + splits.validation + splits.test;
  return [
    ...(sets.includes(set)
      ? []
      : [
          problemAt(
            ["export", "pairs"],
            ` is "${set}", and annotate.pairs has no such set${didYouMean(set, sets) || `; there is ${sets.join(", ")}`}`,
          ),
        ]),
    ...("why" in checked ? [problemAt(["export", "uri"], ` ${checked.why}`)] : []),
    ...(sum > 0 ? [] : [problemAt(["export", "splits"], " sums up to 0, expected at least one ratio > 0")]),
  ];
}
