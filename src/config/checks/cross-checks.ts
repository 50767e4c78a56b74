import { didYouMean } from "../../lib/nearest.ts";
import { checkJudges } from "./check-judges.ts";
import { checkJudgeRoles } from "./check-judge-roles.ts";
import { checkUploads } from "./check-uploads.ts";
import { pathOfSet } from "../normalise-pairs.ts";
import { isConnectionHeader } from "./is-connection-header.ts";
import { formatPath, type Path } from "../path.ts";
import type { Problem } from "../problem.ts";
import type { ConfigFile } from "../schema.ts";
import { checkHttpUrl, checkServerUrl, type CheckedUrl } from "../server-url.ts";
import { resolveExportUri, resolveStoreUri } from "../store-uri.ts";

/** Names that a judge cannot have: they are sources of their own. */
const OWN_SOURCES = ["people", "combined"];
/** The variant of images made elsewhere, which `harvest --adopt` takes. */
const ADOPTED = "adopted";

/** How the file was written. */
interface FileForm {
  /** True if `annotate.pairs` was one mapping alone. */
  readonly wrapped: boolean;
}

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

function problem(path: Path, what: string, part: "key" | "value" = "value"): Problem {
  return { path, part, message: `${formatPath(path)}${what}` };
}

function checkPrompts({ prompts }: ConfigFile): readonly Problem[] {
  const filled = ["prompt", "seed", "negative"].filter((name) => Object.hasOwn(prompts.columns, name));
  return [
    ...(prompts.template.includes("{prompt}")
      ? []
      : [problem(["prompts", "template"], " has no {prompt} in it: every image would be made from the same text")]),
    ...filled.map((name) =>
      problem(
        ["prompts", "columns", name],
        ` cannot come from a column here: ${name === "seed" ? "candidates.seeds says which seeds there are" : `prompts.${name} names its column`}`,
        "key",
      ),
    ),
  ];
}

function checkWorkflows({ workflow, workflows }: ConfigFile): readonly Problem[] {
  if (workflow !== undefined && workflows !== undefined)
    return [problem(["workflows"], " stands beside workflow; keep one of them", "key")];
  if (workflow === undefined && workflows === undefined)
    return [problem([], "workflow is missing: expected workflow (or workflows, several by name)")];
  return workflows !== undefined && Object.keys(workflows).length === 0 ? [problem(["workflows"], " names no workflow")] : [];
}

function checkCandidates(config: ConfigFile): readonly Problem[] {
  const { candidates, workflows } = config;
  const { variants } = candidates;
  const known = workflows === undefined ? ["main"] : Object.keys(workflows);
  const unknown = variants.flatMap(({ workflow }, index) => {
    const path = ["candidates", "variants", index];
    if (workflow === undefined)
      return known.length > 1
        ? [problem(path, ` names no workflow, and there are ${known.length}: add workflow: ${known.join(" | ")}`)]
        : [];
    return known.includes(workflow)
      ? []
      : [
          problem(
            [...path, "workflow"],
            ` is "${workflow}", and there is no such workflow${didYouMean(workflow, known) || `; there is ${known.join(", ")}`}`,
          ),
        ];
  });
  return [
    ...unknown,
    ...variants.flatMap(({ name }, index) =>
      name === ADOPTED
        ? [
            problem(
              ["candidates", "variants", index, "name"],
              ` is "${ADOPTED}", which is what images made elsewhere are called; choose another`,
            ),
          ]
        : [],
    ),
    ...twice(
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
      problem([...path, "max"], ` is ${seeds.max}: there are ${seeds.max + 1} such seeds, and candidates.per_prompt asks for ${perPrompt}`),
    ];
  }
  return [
    ...twice(seeds.map(String), (index) => [...path, index]),
    // The export would refuse them, after the night in which their images were made.
    ...seeds.flatMap((seed, index) =>
      seedFormat === "string" || seed <= Number.MAX_SAFE_INTEGER
        ? []
        : [
            problem(
              [...path, index],
              ` is ${seed}, and readers of JSON round numbers over 2^53-1: set export.seed_format: string (for the whole export), or take a smaller seed`,
            ),
          ],
    ),
  ];
}

function checkServers({ servers }: ConfigFile): readonly Problem[] {
  const checked = servers.map(({ url }) => checkServerUrl(url));
  return [
    ...checked.flatMap((result, index) => whyNot(result, ["servers", index, "url"])),
    ...twice(
      checked.map((result) => ("url" in result ? result.url : null)),
      (index) => ["servers", index, "url"],
    ),
    ...servers.flatMap(({ headers }, index) => checkHeaders(headers, ["servers", index, "headers"])),
  ];
}

function checkReclaim({ harvest, servers }: ConfigFile): readonly Problem[] {
  if (!harvest.reclaim || servers.some(({ output_dir: folder }) => folder !== null)) return [];
  return [problem(["harvest", "reclaim"], " is true, and no server says where its originals lie: set output_dir of a server")];
}

/** Values are not named in messages: they may be secrets. */
function checkHeaders(headers: Readonly<Record<string, string>>, path: Path): readonly Problem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (isConnectionHeader(name)) return [problem([...path, name], " is set by the connection itself: leave it out", "key")];
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return [problem([...path, name], " is no name that a header can have", "key")];
    return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)
      ? []
      : [problem([...path, name], " holds a character that no header can carry (a line break at its end?)")];
  });
}

function checkStores({ store: { uri, endpoint } }: ConfigFile): readonly Problem[] {
  const checked = resolveStoreUri(uri, "/");
  return [
    ...("why" in checked ? [problem(["store", "uri"], ` ${checked.why}`)] : []),
    ...(endpoint === undefined ? [] : whyNot(checkHttpUrl(endpoint), ["store", "endpoint"])),
  ];
}

function checkAnnotate(
  { annotate: { criteria, judges, pairs, people }, candidates: { variants } }: ConfigFile,
  file: FileForm,
): readonly Problem[] {
  const names = judges.map(({ name }) => name);
  const sources = [...OWN_SOURCES, ...names];
  return [
    ...twice(criteria, (index) => ["annotate", "criteria", index]),
    ...twice(names, (index) => ["annotate", "judges", index, "name"]),
    ...names.flatMap((name, index) =>
      OWN_SOURCES.includes(name)
        ? [problem(["annotate", "judges", index, "name"], ` is "${name}", which is a source of its own; choose another`)]
        : [],
    ),
    ...judges.flatMap((judge, index) =>
      judge.kind === "builtin"
        ? []
        : [
            ...whyNot(checkHttpUrl(judge.url), ["annotate", "judges", index, "url"]),
            ...checkHeaders(judge.headers, ["annotate", "judges", index, "headers"]),
          ],
    ),
    ...checkPeople(people),
    ...Object.entries(pairs).flatMap(([set, { from = [], across }]) => [
      ...(typeof across === "string" ? [] : checkAcross(across, { at: pathOfSet(set, file), variants: variants.map(({ name }) => name) })),
      ...twice(from, (index) => [...pathOfSet(set, file), "from", index]),
      ...from.flatMap((source, index) =>
        sources.includes(source)
          ? []
          : [
              problem(
                [...pathOfSet(set, file), "from", index],
                ` is "${source}", which is no source${didYouMean(source, sources) || `; there is people${names.map((name) => `, ${name}`).join("")}`}`,
              ),
            ],
      ),
    ]),
  ];
}

function checkPeople({ task, order, overlap, max_votes: maxVotes, public_url: url }: ConfigFile["annotate"]["people"]): readonly Problem[] {
  const at = (key: string): Path => ["annotate", "people", key];
  const checked = url === null ? null : checkHttpUrl(url);
  return [
    ...(checked === null ? [] : whyNot(checked, at("public_url"))),
    ...(checked === null || "why" in checked || new URL(checked.url).pathname === "/"
      ? []
      : [problem(at("public_url"), " has a path; the page needs a host name, or a port, of its own")]),
    ...(maxVotes < overlap
      ? [problem(at("max_votes"), ` is ${maxVotes}, fewer than the overlap of ${overlap} that every comparison gets`)]
      : []),
    ...(order === "swiss" && task !== "pair"
      ? [problem(at("order"), ` is swiss, a tournament of pairs, and the task is ${task}: set task: pair, or another order`)]
      : []),
  ];
}

interface AcrossPlace {
  /** Path of the set. */
  readonly at: Path;
  readonly variants: readonly string[];
}

/** A variant's name stands for all that its lists expand to; `name/key=value` for one of them. */
function checkAcross(
  across: { readonly chosen: readonly string[]; readonly rejected: readonly string[] },
  { at, variants }: AcrossPlace,
): readonly Problem[] {
  return (["chosen", "rejected"] as const).flatMap((side) =>
    across[side].flatMap((variant, index) => {
      const [name = ""] = variant.split("/", 1);
      if (variants.includes(name) || name === ADOPTED) return [];
      return [
        problem(
          [...at, "across", side, index],
          ` is "${variant}", which is no variant${didYouMean(name, variants) || `; there is ${variants.join(", ")}`}`,
        ),
      ];
    }),
  );
}

function checkExport({ export: { pairs: set, uri, splits }, annotate: { pairs } }: ConfigFile): readonly Problem[] {
  const sets = Object.keys(pairs);
  const checked = resolveExportUri(uri, "/");
  const sum = splits === undefined ? 1 : splits.train + splits.validation + splits.test;
  return [
    ...(sets.includes(set)
      ? []
      : [
          problem(
            ["export", "pairs"],
            ` is "${set}", and annotate.pairs has no such set${didYouMean(set, sets) || `; there is ${sets.join(", ")}`}`,
          ),
        ]),
    ...("why" in checked ? [problem(["export", "uri"], ` ${checked.why}`)] : []),
    ...(sum > 0 ? [] : [problem(["export", "splits"], " sums up to 0, expected at least one ratio > 0")]),
  ];
}

function whyNot(checked: CheckedUrl, path: Path): readonly Problem[] {
  return "why" in checked ? [problem(path, ` ${checked.why}`)] : [];
}

function twice(values: readonly (string | null)[], pathOf: (index: number) => Path): readonly Problem[] {
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    return value === null || first === index ? [] : [problem(pathOf(index), ` is the same as ${formatPath(pathOf(first))}`)];
  });
}
