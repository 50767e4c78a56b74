import type { Benchmark } from "../benchmark.ts";
import { httpJudgeScenario } from "./http-judge.ts";
import { inspectScenario } from "./inspect.ts";

export const annotateBenchmark: Benchmark = {
  name: "annotate",
  summary: "judges and links: from stored pictures to chosen and rejected",
  scenarios: [inspectScenario, httpJudgeScenario],
};
