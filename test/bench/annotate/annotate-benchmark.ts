import type { Benchmark } from "../benchmark.ts";
import { httpJudgeScenario } from "./http-judge.ts";
import { inspectScenario } from "./inspect.ts";
import { linkScenario } from "./link.ts";
import { votesScenario } from "./votes.ts";

export const annotateBenchmark: Benchmark = {
  name: "annotate",
  summary: "from stored images to pairs: looking at them, asking judges, ranking votes, linking",
  scenarios: [inspectScenario, httpJudgeScenario, linkScenario, votesScenario],
};
