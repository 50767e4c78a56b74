import { pairsTable } from "./pairs.ts";
import { rankingsTable } from "./rankings.ts";
import type { Table } from "./table.ts";
import { tiesTable } from "./ties.ts";
import { votesTable } from "./votes.ts";

/** Tables beside `default`, in the order in which they are written and told. A new one is a file beside this and a line here. */
export const TABLES: readonly Table[] = [pairsTable, rankingsTable, tiesTable, votesTable];
