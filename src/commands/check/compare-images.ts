import type { Finding } from "./finding.ts";
import { hammingDistance } from "../../stages/annotate/link/filters.ts";

/** The canary's images of one server, in the order of the batch. */
export interface CanaryImages {
  readonly server: string;
  readonly images: readonly ImageFacts[];
}

export interface ImageFacts {
  readonly pixelSha256: string;
  readonly perceptualHash: string;
  readonly widthPx: number;
  readonly heightPx: number;
}

interface Distance {
  readonly servers: readonly [string, string];
  /** Bits of 64 in which the most different images differ; 64 if their number or size differs. */
  readonly bits: number;
  readonly samePixels: boolean;
}

export interface Comparison {
  readonly distances: readonly Distance[];
  /** Far from the image that most agree on; all, where no majority agrees. */
  readonly outliers: readonly string[];
  /** The largest distance between servers that agree. */
  readonly spreadBits: number;
  readonly samePixels: boolean;
}

/**
 * Bits of 64 beyond which two images of one seed are not one image: well above the 4 that near_duplicate allows (cards and kernels
 * differ in the last bits), well below the 32 that images without any relation have on average.
 */
const OUTLIER_BITS = 10;
const ALL_BITS = 64;

/** Compares what several servers made of one seed and prompt: the medoid stands for what is right if most agree with it. */
export function compareImages(made: readonly CanaryImages[]): Comparison {
  const distances = made.flatMap((a, index) => made.slice(index + 1).map((b) => measureDistance(a, b)));
  const between = (a: string, b: string): number =>
    a === b ? 0 : (distances.find(({ servers }) => servers.includes(a) && servers.includes(b))?.bits ?? ALL_BITS);
  const servers = made.map(({ server }) => server);
  const nearTo = (server: string): readonly string[] => servers.filter((other) => between(server, other) <= OUTLIER_BITS);
  const sumOf = (server: string): number => servers.reduce((sum, other) => sum + between(server, other), 0);
  const medoid = servers.toSorted((a, b) => nearTo(b).length - nearTo(a).length || sumOf(a) - sumOf(b))[0];
  const agreeing = medoid === undefined ? [] : nearTo(medoid);
  const isMajority = agreeing.length * 2 > servers.length;
  const agreed = distances.filter((distance) => distance.servers.every((server) => agreeing.includes(server)));
  return {
    distances,
    outliers: isMajority ? servers.filter((server) => !agreeing.includes(server)) : servers,
    spreadBits: Math.max(0, ...agreed.map(({ bits }) => bits)),
    samePixels: agreed.every((distance) => distance.samePixels),
  };
}

function measureDistance(a: CanaryImages, b: CanaryImages): Distance {
  const servers = [a.server, b.server] as const;
  if (a.images.length !== b.images.length) return { servers, bits: ALL_BITS, samePixels: false };
  const bits = a.images.map((image, index) => bitsBetween(image, b.images[index]));
  const samePixels = a.images.every((image, index) => image.pixelSha256 === b.images[index]?.pixelSha256);
  return { servers, bits: Math.max(0, ...bits), samePixels };
}

function bitsBetween(a: ImageFacts, b: ImageFacts | undefined): number {
  if (b === undefined || a.widthPx !== b.widthPx || a.heightPx !== b.heightPx) return ALL_BITS;
  return hammingDistance(a.perceptualHash, b.perceptualHash);
}

const WHY = "another file under the same name, precision, node version, or a faulty card?";

/** The line of the doctor's table for one variant's images. */
export function describeComparison(
  what: string,
  { servers, distances, outliers, spreadBits, samePixels }: Comparison & { readonly servers: number },
): Finding {
  if (servers === 1) return { what, ok: true, text: "one server made the image; nothing to compare it with" };
  if (outliers.length === servers) {
    const pairs = distances.map(({ servers: [a, b], bits }) => `${a} and ${b}: ${bits} of 64 bits`).join(", ");
    return { what, ok: false, text: `the servers make different images of one seed, and no majority agrees: ${pairs}. ${WHY}` };
  }
  const agreement = samePixels
    ? "equal pixels"
    : spreadBits === 0
      ? "the same to the eye, not to the last bit"
      : `up to ${spreadBits} of 64 bits apart`;
  const agreeing = servers - outliers.length;
  if (outliers.length === 0) return { what, ok: true, text: `${servers} servers make the same image: ${agreement}` };
  const named = outliers.map((server) => `${server} (${bitsFrom(server, { distances, outliers })} of 64 bits)`).join(", ");
  return { what, ok: false, text: `far from the image of the other ${agreeing} servers (${agreement}): ${named}. ${WHY}` };
}

/** The least distance to a server that agrees with the others. */
function bitsFrom(
  server: string,
  { distances, outliers }: { readonly distances: readonly Distance[]; readonly outliers: readonly string[] },
): number {
  const toOthers = distances.filter(
    ({ servers: [a, b] }) => (a === server && !outliers.includes(b)) || (b === server && !outliers.includes(a)),
  );
  return Math.min(...toOthers.map(({ bits }) => bits));
}
