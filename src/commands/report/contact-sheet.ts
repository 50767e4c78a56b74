import { readFile } from "node:fs/promises";
import type { Context } from "../../context.ts";
import { sheetQueries, type SheetImage, type SheetPlace, type SheetPrompt } from "../../db/queries/overview/report.ts";
import { thumbnailPath } from "../../images/thumbnails.ts";
import { openJudges } from "../../judges/registry.ts";
import { counted } from "../../lib/words.ts";
import { openGroupSources, readGroups } from "../../stages/annotate/link/read-groups.ts";
import { linkGroup, explainGroup, type ExplainedImage } from "../../stages/annotate/link/pairs.ts";
import { escapeHtml } from "./html.ts";
import { planLinkRules } from "../../stages/annotate/link/link-rules.ts";

const GROUPS_SHOWN = 20;
const SCORE_DIGITS = 3;

type Needs = Pick<Context, "config" | "db">;

/** The first linked prompts with all their images: who decided, how, and why the others are in no row. HTML. */
export async function contactSheet({ config, db }: Needs): Promise<string> {
  const sheet = sheetQueries(db, config.export.pairs);
  const explain = explainer({ config, db });
  const prompts = sheet.prompts(GROUPS_SHOWN);
  const sections: string[] = [];
  for (const prompt of prompts) {
    const places = Map.groupBy(sheet.placesOf(prompt.promptKey), ({ imageId }) => imageId);
    const explained = explain(prompt);
    const order = [...places.keys()];
    const images = sheet.imagesOf(prompt.promptKey).toSorted((a, b) => rankIn(order, a) - rankIn(order, b));
    const figures = images.map((image) =>
      figure(image, {
        dir: config.dir,
        places: places.get(image.imageId) ?? [],
        explained,
        severalCriteria: config.annotate.criteria.length > 1,
      }),
    );
    const decided = [...new Set([...places.values()].flat().map(describeDecider))].join("; ");
    const head = `<p>${escapeHtml(prompt.prompt)} <span class="by">decided by ${escapeHtml(decided)}</span></p>`;
    sections.push(`<section>${head}<div class="row">${(await Promise.all(figures)).join("")}</div></section>`);
  }
  const title = prompts.length === 1 ? "The first linked prompt" : `The first ${counted(prompts.length, "linked prompt")}`;
  return [`<h2>${prompts.length === 0 ? "No prompt is linked yet" : title}</h2>`, ...sections].join("\n");
}

function rankIn(order: readonly string[], { imageId }: SheetImage): number {
  const rank = order.indexOf(imageId);
  return rank < 0 ? order.length : rank;
}

function describeDecider({ source, nVotes }: SheetPlace): string {
  return source === "people" ? `people, ${counted(nVotes, "vote")}` : source;
}

interface Explained {
  /** By image_id; empty if the prompt can still change. */
  readonly images: ReadonlyMap<string, ExplainedImage>;
  /** Why pairs of the prompt became no row. */
  readonly pairs: readonly string[];
  readonly isFinal: boolean;
}

/** Looks at a group as linking does now, under the first criterion: rows keep no word about the images that they leave out. */
function explainer({ config, db }: Needs): (prompt: SheetPrompt) => Explained {
  const judges = openJudges(config.annotate.judges);
  const sources = openGroupSources(db, { config, judges });
  const [criterion = "overall"] = config.annotate.criteria;
  const policy = config.annotate.pairs[config.export.pairs];
  return ({ row, promptKey }) => {
    const [group] = readGroups({ after: row - 1, last: row }, sources).final;
    if (group === undefined || policy === undefined) return { images: new Map(), pairs: [], isFinal: false };
    const rules = planLinkRules({ annotate: config.annotate, policy, judges, criterion, anyVote: sources.votes.anyVoteUnder(criterion) });
    const facts = { promptKey, criterion, images: group.images, votes: group.votes.get(criterion) ?? [] };
    const pairs = linkGroup(facts, rules).drops.filter(({ unit }) => unit === "pair");
    return { images: explainGroup(facts, rules), pairs: [...new Set(pairs.map(({ reason }) => reason))], isFinal: true };
  };
}

interface FigureFacts {
  readonly dir: string;
  readonly places: readonly SheetPlace[];
  readonly explained: Explained;
  readonly severalCriteria: boolean;
}

async function figure(image: SheetImage, { dir, places, explained, severalCriteria }: FigureFacts): Promise<string> {
  const thumbnail = await dataUri(dir, image.imageId);
  const tag = thumbnail === null ? `<div class="none">no thumbnail</div>` : `<img src="${thumbnail}" alt="" loading="lazy">`;
  const parts = places.map(({ role, source, score, criterion }) =>
    [`<b>${role}</b>`, ...(severalCriteria ? [escapeHtml(criterion)] : []), `${escapeHtml(source)} ${shownScore(score)}`].join(" · "),
  );
  const lines = parts.length > 0 ? parts : [`<b>not used</b> · ${escapeHtml(whyNot(image, explained))}`];
  const about = escapeHtml(`seed ${image.seed} · ${image.variant}`);
  return `<figure class="${places[0]?.role ?? "unused"}">${tag}<figcaption>${[...lines, about].join("<br>")}</figcaption></figure>`;
}

const shownScore = (score: number | null): string => (score === null ? "without a score" : score.toFixed(SCORE_DIGITS));

function whyNot({ imageId }: SheetImage, { images, pairs, isFinal }: Explained): string {
  if (!isFinal) return "its prompt is not final yet";
  const explained = images.get(imageId);
  if (explained === undefined) return "not looked at yet";
  if (explained.why !== null) return WORDS[explained.why] ?? explained.why;
  const score = explained.score === null ? "" : `${shownScore(explained.score)}, `;
  return `${score}${pairs.length > 0 ? `no pair: ${pairs.map((reason) => WORDS[reason] ?? reason).join(", ")}` : "the policy takes other pairs"}`;
}

/** The closed lists of reasons in a reader's words; what is not here says itself. */
const WORDS: Readonly<Record<string, string>> = {
  undecodable: "it cannot be decoded",
  blank: "it is blank",
  flagged: "flagged by people",
  nsfw: "the judge of annotate.filters.nsfw calls it unsafe",
  "nsfw-unscored": "the judge of annotate.filters.nsfw says nothing of it",
  "same-file": "the same file as another candidate",
  "same-pixels": "the same pixels as another candidate",
  "wrong-size": "most candidates have another size",
  unscored: "nobody who decides said anything of it",
  "near-duplicate": "too much like the other image (near-duplicate)",
  tie: "a tie",
  "below-margin": "the margin is below min_margin",
  "max-per-prompt": "max_per_prompt takes clearer pairs",
};

async function dataUri(dir: string, imageId: string): Promise<string | null> {
  try {
    return `data:image/webp;base64,${(await readFile(thumbnailPath(dir, imageId))).toString("base64")}`;
  } catch {
    return null; // Not inspected, or its thumbnail was removed: the sheet shows an empty frame.
  }
}
