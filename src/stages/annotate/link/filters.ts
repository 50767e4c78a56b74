import { BLANK_LUMA_STD } from "../../../images/inspection.ts";
import type { Config, PairsPolicy } from "../../../config/schema.ts";
import type { CandidateImage, Drop, ImageDrop, Look } from "./group-facts.ts";

export interface Filtered {
  /** In image_id order. */
  readonly images: readonly UsableImage[];
  /** Dropped duplicates: image_id → the image that is kept. Votes for one count for the other. */
  readonly twins: ReadonlyMap<string, string>;
  readonly drops: readonly Drop[];
  /** Why each left-out image is left out, by image_id. */
  readonly reasons: ReadonlyMap<string, ImageDrop>;
}

export interface UsableImage extends CandidateImage {
  readonly look: Look;
}

type Filters = Config["annotate"]["filters"];

/**
 * Leaves out the images that no pair may hold, and counts each under the first reason that applies. Images must be in image_id order.
 * Of equal images the one with the lowest image_id stays. Of several sizes the most common one stays, and of equally common ones the
 * largest, because trainers stretch pairs of different sizes. Near-duplicates are not filtered here but as pairs (`pairBarrier`): being
 * near is not transitive, and dropping one of the two would lose the votes about it.
 */
export function filterImages(images: readonly CandidateImage[], filters: Filters): Filtered {
  const reasons = new Map<string, ImageDrop>();
  const twins = new Map<string, string>();
  const byFile = new Map<string, string>();
  const byPixels = new Map<string, string>();

  const whole: UsableImage[] = [];
  for (const image of images) {
    const { look, sha256, imageId } = image;
    const reason = reasonToDrop(image, filters);
    if (reason !== null || look === null) {
      reasons.set(imageId, reason ?? "undecodable");
      continue;
    }
    if (filters.same_pixels) {
      const sameFile = sha256 === null ? undefined : byFile.get(sha256);
      const twin = sameFile ?? byPixels.get(look.pixelSha256);
      if (twin !== undefined) {
        twins.set(imageId, twin);
        reasons.set(imageId, sameFile === undefined ? "same-pixels" : "same-file");
        continue;
      }
      if (sha256 !== null) byFile.set(sha256, imageId);
      byPixels.set(look.pixelSha256, imageId);
    }
    whole.push({ ...image, look });
  }

  const size = findCommonSize(whole);
  const fitting = whole.filter(({ look }) => sizeOf(look) === size);
  for (const { imageId, look } of whole) if (sizeOf(look) !== size) reasons.set(imageId, "wrong-size");
  const drops = [...Map.groupBy(reasons.values(), (reason) => reason)].map(([reason, each]): Drop => ({
    unit: "image",
    reason,
    count: each.length,
  }));
  return { images: fitting, twins, drops, reasons };
}

/** Returns why an image is left out, whatever the other images are. Null if it is not. */
function reasonToDrop({ state, look, flagged, scores }: CandidateImage, filters: Filters): ImageDrop | null {
  if (state === "rejected" || state === "excluded") return state;
  if (look === null) return "undecodable";
  if (filters.blank && look.lumaStd < BLANK_LUMA_STD) return "blank";
  if (filters.flagged !== false && flagged) return "flagged";
  if (filters.nsfw === null) return null;
  const unsafe = scores.get(filters.nsfw.judge) ?? null;
  if (unsafe === null) return "nsfw-unscored";
  return unsafe > filters.nsfw.above ? "nsfw" : null;
}

/** Finds the most common size. Undefined if there is no image. */
function findCommonSize(images: readonly UsableImage[]): string | undefined {
  const sizes = [...Map.groupBy(images, ({ look }) => sizeOf(look))].map(([size, members]) => ({
    size,
    count: members.length,
    look: members[0]?.look,
  }));
  const areaOf = (look: Look | undefined): number => (look === undefined ? 0 : look.widthPx * look.heightPx);
  // Of equal areas the wider one. Any fixed rule would do.
  sizes.sort((a, b) => b.count - a.count || areaOf(b.look) - areaOf(a.look) || (b.look?.widthPx ?? 0) - (a.look?.widthPx ?? 0));
  return sizes[0]?.size;
}

function sizeOf({ widthPx, heightPx }: Look): string {
  return `${widthPx}x${heightPx}`;
}

/** Counts the differing bits of two 64-bit hashes in hex, 0…64. */
export function hammingDistance(first: string, second: string): number {
  return bitsSet(high(first) ^ high(second)) + bitsSet(low(first) ^ low(second));
}

const high = (hash: string): number => Number.parseInt(hash.slice(0, 8), 16);
const low = (hash: string): number => Number.parseInt(hash.slice(8), 16);

/** Counts the bits that are set in a 32-bit integer. @see Warren, Hacker's Delight, §5-1 */
function bitsSet(value: number): number {
  let v = value;
  v -= (v >>> 1) & 0x55555555;
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * Splits the candidates of a prompt into the parts that are compared. With `within` each variant is a part, with its own common size and
 * ranking. Otherwise there is one part. Flags also apply to copies of an image in other parts.
 */
export function splitByVariant(images: readonly CandidateImage[], across: PairsPolicy["across"]): readonly (readonly CandidateImage[])[] {
  const withFlags = images.some(({ flagged, flawed }) => flagged || flawed) ? flagCopies(images) : images;
  return across === "within" ? [...Map.groupBy(withFlags, ({ variant }) => variant).values()] : [withFlags];
}

function flagCopies(images: readonly CandidateImage[]): readonly CandidateImage[] {
  const pixelsOf = (name: "flagged" | "flawed"): ReadonlySet<string> =>
    new Set(images.flatMap(({ look, ...image }) => (image[name] && look !== null ? [look.pixelSha256] : [])));
  const [flagged, flawed] = [pixelsOf("flagged"), pixelsOf("flawed")];
  return images.map((image) => {
    const pixels = image.look?.pixelSha256 ?? "";
    return { ...image, flagged: image.flagged || flagged.has(pixels), flawed: image.flawed || flawed.has(pixels) };
  });
}
