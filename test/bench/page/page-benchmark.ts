import type { Benchmark } from "../benchmark.ts";
import { crowdScenario } from "./crowd.ts";
import { nextTaskScenario } from "./next-task.ts";

export const pageBenchmark: Benchmark = {
  name: "page",
  summary: "the annotation page's server: 200,000 images, 50 people at once",
  scenarios: [nextTaskScenario, crowdScenario],
};
