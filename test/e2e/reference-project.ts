import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeImage } from "../helpers/images.ts";
import { makeProject, type Project, type ProjectOptions } from "./project.ts";

const WORKFLOW = {
  "1": { class_type: "LoadImage", inputs: { image: "example.png" } },
  "2": { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: 1, strength: 0.5 } },
  "3": { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: "x" } },
};
/** Prompt → file. b.jpg is a PNG, whatever its name; copy.png is a.png again. */
export const REFERENCE_ROWS = [
  ["a red fox", "a.png"],
  ["a lighthouse", "b.jpg"],
  ["two cups of tea", "a.png"],
  ["a map", "deep/c.webp"],
  ["a map", "copy.webp"],
] as const;

/** A project whose prompts come with pictures, and what it needs to be checked. */
export interface ReferenceProject extends Project {
  /** By name in `refs/`. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Four prompts, three pictures, twelve candidates; the workflow loads a picture and adds noise to it, which takes no model. */
export async function makeReferenceProject(servers: readonly string[], config: ProjectOptions["config"] = {}): Promise<ReferenceProject> {
  const webp = await makeImage({ seed: 3, format: "webp" });
  const files = new Map([
    ["a.png", await makeImage({ seed: 1 })],
    ["b.jpg", await makeImage({ seed: 2 })],
    ["deep/c.webp", webp],
    ["copy.webp", webp],
  ]);
  const made = makeProject({
    servers,
    config: {
      prompts: { file: "prompts.csv", columns: { reference: "picture" } },
      workflow: { file: "workflow.json", bind: { prompt: "none", seed: "2.seed", reference: "1.image" }, uploads: { reference: "refs/" } },
      candidates: { per_prompt: 3 },
      ...config,
    },
  });
  writeFileSync(join(made.dir, "workflow.json"), JSON.stringify(WORKFLOW));
  writeFileSync(join(made.dir, "prompts.csv"), `prompt,picture\n${REFERENCE_ROWS.map((row) => `${row.join(",")}\n`).join("")}`);
  mkdirSync(join(made.dir, "refs/deep"), { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(made.dir, "refs", name), bytes);
  return { ...made, files };
}

export interface ReferenceRow {
  readonly prompt: string;
  readonly references: readonly { readonly name: string; readonly uri: string; readonly sha256: string }[];
}

/** What the exported rows say of their pictures. */
export function referenceRows(project: Project, version?: string): readonly ReferenceRow[] {
  return project.rows(version) as unknown as readonly ReferenceRow[]; // Rows of this program; the test says what is in them.
}

/** What the rows must say, by prompt. */
export function expectedReferences({ files }: ReferenceProject): Readonly<Record<string, ReferenceRow["references"]>> {
  return Object.fromEntries(
    REFERENCE_ROWS.map(([prompt, name]) => {
      const sha256 = createHash("sha256")
        .update(files.get(name) ?? "")
        .digest("hex");
      const key = `references/${sha256.slice(0, 3)}/${sha256}.${name.endsWith("webp") ? "webp" : "png"}`;
      return [prompt, [{ name: "reference", uri: `https://data.example/set/${key}`, sha256 }]];
    }),
  );
}
