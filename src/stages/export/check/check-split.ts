import { OPTIONAL_COLUMNS, type OptionalColumn, type Row } from "../../../exporters/row.ts";

/** No more rows than there are optional columns stand before the others. */
const FRONT_ROWS_MAX = OPTIONAL_COLUMNS.length;

/** Checks the rules that rows of one split break together. Rows come in file order; those of a minimal export have no id. */
export function splitChecker() {
  const first: string[] = [];
  let previous = "";
  let rows = 0;
  let filled = 0;
  let filledInFront = 0;
  return {
    /** Answers what is wrong with the row's place, null if nothing is. */
    add(row: Row): string | null {
      const place = rows++;
      filled |= fillsOf(row);
      if (place < FRONT_ROWS_MAX) filledInFront |= fillsOf(row);
      if (row.id === "") return null;
      const isTwice = first.includes(row.id) || row.id === previous;
      const isLate = row.id < previous && place > FRONT_ROWS_MAX;
      if (place <= FRONT_ROWS_MAX) first.push(row.id);
      previous = row.id;
      if (isTwice) return "stands twice";
      return isLate ? "does not stand in the order of ids" : null;
    },
    /** Columns that have values, but none in the first rows. */
    lateColumns: (): readonly OptionalColumn[] => columnsOf(filled & ~filledInFront),
    /** Columns that have values. */
    filledColumns: (): readonly OptionalColumn[] => columnsOf(filled),
  };
}

function fillsOf({ chosen, rejected, margin, agreement, references }: Row): number {
  const isFilled: Readonly<Record<OptionalColumn, boolean>> = {
    "chosen.score": chosen.score !== null,
    "rejected.score": rejected.some(({ score }) => score !== null),
    margin: margin !== null,
    agreement: agreement !== null,
    references: references.length > 0,
  };
  return OPTIONAL_COLUMNS.reduce((fills, column, bit) => fills | (isFilled[column] ? 1 << bit : 0), 0);
}

function columnsOf(fills: number): readonly OptionalColumn[] {
  return OPTIONAL_COLUMNS.filter((_, bit) => (fills & (1 << bit)) !== 0);
}
