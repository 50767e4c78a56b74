import type { Benchmark } from "../benchmark.ts";
import { faultyScenario } from "./faulty.ts";
import { millionScenario } from "./million.ts";
import { steadyScenario } from "./steady.ts";

export const generateBenchmark: Benchmark = {
  name: "generate",
  summary: "the generate command against emulated servers",
  scenarios: [steadyScenario, faultyScenario, millionScenario],
};
