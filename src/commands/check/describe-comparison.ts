import type { Comparison, Distance } from "./compare-images.ts";
import type { Finding } from "./finding.ts";

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
