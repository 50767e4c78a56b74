import { basename } from "node:path";
import { loadConfig } from "../../config/load-config.ts";
import type { Config } from "../../config/schema.ts";
import { openReadonly, type Db } from "../../db/open.ts";
import { listExports } from "../../db/queries/export/exports.ts";
import { referenceQueries } from "../../db/queries/plan/references.ts";
import { storedImages } from "../../db/queries/images/stored-images.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { databaseFile, hintFor, openDatasetStore } from "../open-context.ts";
import { exportStoreUri } from "../../stages/export/export.ts";
import { verifyExport, type VerifiedExport } from "../../stages/export/check/verify-export.ts";
import { describeVersions } from "../../stages/export/versions/read-lineage.ts";
import { checkVersionName } from "../../stages/export/versions/versions.ts";
import { verifyStore } from "../../stages/upkeep/verify-store.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { openStore } from "../../stores/registry.ts";
import type { CommandResult } from "../command.ts";
import { readWholeNumber } from "../option-values.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";
import { findNewest } from "./find-newest.ts";

/** Problems printed one by one. The rest is only counted. */
const PRINTED_MAX = 50;

/** Re-reads an export against its manifest and the database, and the store against the database. Changes nothing. */
export async function run(input: InputOf<"verify">): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const sample = readWholeNumber("--sample", input.options.sample, { from: 1 });
  const db = openReadonly(databaseFile(config), hintFor(input));
  let problems = 0;
  const badImages: string[] = [];
  const report = (where: string, problem: string, imageId: string | null = null): void => {
    input.show({ event: "problem", where, problem, image_id: imageId }, ++problems <= PRINTED_MAX ? `${where}: ${problem}` : null);
    // What is excluded is not fetched again.
    if (imageId !== null && storedImages(db).find(imageId) !== undefined) badImages.push(imageId);
  };
  try {
    const exported = await checkExport({ config, db }, { input, report });
    const store = await openDatasetStore({ config, db }, input);
    try {
      const { stopping, signal, clock, log } = input;
      const stored = await verifyStore(
        { db, store, config, clock, log, stopping, signal },
        { sample, report: (id, problem, kind) => report(id, problem, kind === "images" ? id : null) },
      );
      const all = sample === undefined ? "" : ` (a sample of ${storedImages(db).count()})`;
      const lines = [
        ...(problems > PRINTED_MAX ? [`… and ${problems - PRINTED_MAX} more`] : []),
        `${describe(exported)}${counted(stored.images, "image")}${referencesText(stored.references)} in ${store.uri} read${all}. ${problems === 0 ? "All is well" : counted(problems, "problem")}`,
        ...nextStep(badImages, input),
      ];
      input.show({ event: "verified", version: exported, store: store.uri, stored_images: stored.images, problems }, lines.join("\n"));
      return { exit: problems > 0 ? EXIT.incomplete : EXIT.done, counts: { ...datasetCounts({ db, config }), problems } };
    } finally {
      await store.close();
    }
  } finally {
    db.close();
  }
}

function referencesText(references: number): string {
  return references === 0 ? "" : ` and ${counted(references, "reference image")}`;
}

/** Says how to get back an image that the store has lost. */
function nextStep(badImages: readonly string[], input: Pick<InputOf<"verify">, "options">): readonly string[] {
  const [first, ...others] = badImages;
  if (first === undefined) return [];
  const hint = hintFor(input);
  const each = others.length > 0 ? " (once for each such image)" : "";
  return [`Try: ${hint(`retry --stage harvest --id ${first}`)}${each}, then ${hint("run")}: fetched from its server again, or made again`];
}

type Exported = VerifiedExport & { readonly uri: string };

interface Reporting {
  readonly input: InputOf<"verify">;
  readonly report: (where: string, problem: string) => void;
}

/** Verifies the exported version. Returns null if nothing was exported yet. */
async function checkExport(
  { config, db }: { readonly config: Config; readonly db: Db },
  { input, report }: Reporting,
): Promise<Exported | null> {
  const { signal } = input;
  const [wanted] = input.args;
  const store = await openStore({ ...config.store, uri: exportStoreUri(config.export.uri) }, { concurrency: config.harvest.concurrency });
  try {
    const version = wanted === undefined ? await findNewest({ store, db, signal, report }) : checkVersionName(wanted);
    if (version === null) {
      input.log.info(`No export in ${config.export.uri}${listExports(db, store.uri).length === 0 ? " yet" : ""}`);
      return null;
    }
    if (wanted !== undefined && !(await anyKey(store, wanted, signal))) {
      throw new ConfigError(`Cannot verify ${wanted}: there is no such version in ${config.export.uri}`, {
        hint: await describeVersions(store, signal),
      });
    }
    const stored = storedImages(db);
    const references = referenceQueries(db);
    const recorded = listExports(db, store.uri).find((each) => each.version === version);
    const result = await verifyExport(version, {
      store,
      signal,
      recorded,
      report: ({ path, line, text: problem }) => report(`${version}/${path}${line === null ? "" : `:${line}`}`, problem),
      onImage({ uri, sha256, bytes, line }) {
        const name = basename(uri).replace(/\.[^.]*$/, "");
        const known = stored.findKept(name) ?? references.findStored(name);
        if (known?.sha256 === sha256 && known.bytes === bytes) return;
        const how = known === undefined ? "does not have as stored" : "has with another sha256 or length";
        report(`${version}/images.csv:${line}`, `lists ${uri}, which the database ${how}`);
      },
    });
    return { ...result, uri: store.uriOf(version) };
  } finally {
    await store.close();
  }
}

async function anyKey(store: Pick<ObjectStore, "list">, version: string, signal: AbortSignal): Promise<boolean> {
  for await (const _key of store.list(`${version}/`, signal)) return true;
  return false;
}

function describe(exported: Exported | null): string {
  return exported === null
    ? ""
    : `${exported.uri}: ${counted(exported.files, "file")}, ${counted(exported.rows, "row")}, ${counted(exported.images, "image")} checked. `;
}
