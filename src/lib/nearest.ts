/** Longest text compared: keeps a list of 10,000 model files × one misspelt name well under a second. */
const COMPARED_MAX = 200;

/**
 * The candidate most like `word`, for "did you mean": by edit distance, letter case ignored, folders before a file name
 * ignored if that helps. Undefined where nothing is near (over a third of the letters differ).
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(word);
  let best: string | undefined;
  // For a name of one or two letters every other is "near", so only the case may differ.
  let bestDistance = wanted.length < 3 ? 1 : Math.floor(wanted.length / 3) + 1;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    const distance = Math.min(editDistance(wanted, folded), editDistance(baseName(wanted), baseName(folded)) + Number(wanted !== folded));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` (did you mean "x"?)`, or "" where nothing is near: to be appended to a message. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = nearest(word, candidates);
  return near === undefined ? "" : ` (did you mean "${near}"?)`;
}

function fold(text: string): string {
  return text.slice(0, COMPARED_MAX).toLowerCase();
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** Optimal string alignment: inserts, deletes, replacements and swaps of neighbours count 1 each. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = at(previous, column - 1) + Number(a[row - 1] !== b[column - 1]);
      let cost = Math.min(replaced, at(previous, column) + 1, at(current, column - 1) + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(beforePrevious, column - 2) + 1);
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
