/** Where lower-casing an upper-cased letter does not give its folding: dotless i has none, Cherokee folds to its upper case. */
const OWN_FOLDING = /[ıᎠ-Ᏽᏸ-ᏽꭰ-ꮿ]/u;
const FOLDED_ALIKE = /[^ıᎠ-Ᏽᏸ-ᏽꭰ-ꮿ]+/gu;
const CHEROKEE_SMALL = /[ᏸ-ᏽꭰ-ꮿ]/gu;

/**
 * Unicode's full case folding (CaseFolding.txt, C and F), which JavaScript does not offer: "Straße" and "STRASSE" fold to one text.
 * Compared with Python's str.casefold() for every code point of Unicode 14.
 */
export function foldCase(text: string): string {
  if (!OWN_FOLDING.test(text)) return foldRun(text);
  return text.replace(FOLDED_ALIKE, foldRun).replace(CHEROKEE_SMALL, (letter) => letter.toUpperCase());
}

function foldRun(run: string): string {
  // Lower first: "ẞ" has no other upper case. The lower case of Σ depends on what follows it.
  return run.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}
