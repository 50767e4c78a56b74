import { OPTIONAL_COLUMNS, type OptionalColumn, type Row } from "../../../exporters/row.ts";

/** Rows that may stand before the others: at most one for each optional column. */
const FRONT_ROWS_MAX = OPTIONAL_COLUMNS.length;

/** Checks the rules for the rows of one split together. Rows come in the order of the files. Rows of a minimal export have no id. */
export function splitChecker() {
  const first: string[] = [];
  let previous = "";
  let rows = 0;
  let filled = 0;
  let filledInFront = 0;
  return {
    /** Returns what is wrong with the place of the row, null if nothing is. */
    add(row: Row): string | null {
      const place = rows++;
      filled |= filledBits(row);
      if (place < FRONT_ROWS_MAX) filledInFront |= filledBits(row);
      if (row.id === "") return null;
      const isTwice = first.includes(row.id) || row.id === previous;
      const isLate = row.id < previous && place > FRONT_ROWS_MAX;
      if (place <= FRONT_ROWS_MAX) first.push(row.id);
      previous = row.id;
      if (isTwice) return "stands twice";
      return isLate ? "does not stand in the order of ids" : null;
    },
    /** Returns columns that have values, but none in the first rows. */
    lateColumns: (): readonly OptionalColumn[] => columnsAt(filled & ~filledInFront),
    /** Returns columns that have values. */
    filledColumns: (): readonly OptionalColumn[] => columnsAt(filled),
  };
}

function filledBits({ chosen, rejected, margin, agreement, references }: Row): number {
  const isFilled: Readonly<Record<OptionalColumn, boolean>> = {
    "chosen.score": chosen.score !== null,
    "rejected.score": rejected.some(({ score }) => score !== null),
    margin: margin !== null,
    agreement: agreement !== null,
    references: references.length > 0,
  };
  return OPTIONAL_COLUMNS.reduce((fills, column, bit) => fills | (isFilled[column] ? 1 << bit : 0), 0);
}

function columnsAt(fills: number): readonly OptionalColumn[] {
  return OPTIONAL_COLUMNS.filter((_, bit) => (fills & (1 << bit)) !== 0);
}
