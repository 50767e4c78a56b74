import type { Image } from "./image.ts";
import type { TextChunk } from "./png.ts";

/** All that is kept of the files that one node saved; the bytes are made when somebody asks for them. */
export interface Recipe {
  /** One a file. */
  readonly images: readonly Image[];
  /** The text chunks of each file. */
  readonly text: readonly TextChunk[];
}

/** A recipe in few bytes: what it does not share with the first of its kind. */
export interface PackedRecipe {
  /** Undefined: `values` is the whole text. */
  readonly template: number | undefined;
  readonly values: string;
}

export interface RecipeBook {
  pack(recipe: Recipe): PackedRecipe;
  unpack(packed: PackedRecipe): Recipe;
}

/** Kinds of recipes with a template; whoever sends ever new workflows pays for each of them in full. */
const TEMPLATES_MAX = 256;

/** Strings and numbers of JSON. */
const LITERAL = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;

/** Stands in the place of a literal. JSON escapes it, so no text contains it. */
const GAP = "\u0000";

interface Template {
  readonly id: number;
  /** The text around the literals. */
  readonly pieces: readonly string[];
  readonly literals: readonly string[];
}

/**
 * Packs recipes against the first of their kind: 200,000 prompts of one workflow differ in a text, a seed and a prefix,
 * so that each takes about 150 bytes instead of 2 kB. (Deflate against a dictionary packs as well, but its native memory grows.)
 */
export function recipeBook(): RecipeBook {
  const templates: Template[] = [];
  const byPieces = new Map<string, Template>();

  function templateOf(text: string, literals: readonly string[]): Template | undefined {
    const around = text.replaceAll(LITERAL, GAP);
    const known = byPieces.get(around);
    if (known !== undefined || templates.length === TEMPLATES_MAX) return known;
    const template: Template = { id: templates.length, pieces: around.split(GAP), literals };
    templates.push(template);
    byPieces.set(around, template);
    return template;
  }

  return {
    pack(recipe) {
      const text = textOf(recipe);
      const literals = text.match(LITERAL) ?? [];
      const template = templateOf(text, literals);
      if (template === undefined) return { template: undefined, values: text };
      const changed = literals.flatMap((literal, index) => (literal === template.literals[index] ? [] : [`${String(index)} ${literal}`]));
      return { template: template.id, values: changed.join(GAP) };
    },
    unpack({ template: id, values }) {
      const template = id === undefined ? undefined : templates[id];
      return recipeIn(template === undefined ? values : filledIn(template, values));
    },
  };
}

function filledIn({ pieces, literals }: Template, values: string): string {
  const filled = [...literals];
  for (const change of values === "" ? [] : values.split(GAP)) {
    const space = change.indexOf(" ");
    filled[Number(change.slice(0, space))] = change.slice(space + 1);
  }
  return pieces.map((piece, index) => piece + (filled[index] ?? "")).join("");
}

/** A line of JSON for the images and two for each chunk; json.dumps writes no line breaks. */
function textOf({ images, text }: Recipe): string {
  return [JSON.stringify(images), ...text.flatMap(([keyword, value]) => [JSON.stringify(keyword), value])].join("\n");
}

function recipeIn(text: string): Recipe {
  const [images = "[]", ...lines] = text.split("\n");
  const chunks: TextChunk[] = [];
  for (let index = 0; index + 1 < lines.length; index += 2) chunks.push([JSON.parse(lines[index] ?? "") as string, lines[index + 1] ?? ""]);
  return { images: JSON.parse(images) as Image[], text: chunks }; // written by textOf
}
