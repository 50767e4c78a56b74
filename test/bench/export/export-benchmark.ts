import type { Benchmark } from "../benchmark.ts";
import { parquetScenario } from "./parquet.ts";
import { rowsScenario } from "./rows.ts";

export const exportBenchmark: Benchmark = {
  name: "export",
  summary:
    "from linked pairs to sharded JSONL: the default table, against DuckDB and the sqlite3 shell; and to Parquet with images, against copying them",
  scenarios: [rowsScenario, parquetScenario],
};
