import type { Benchmark } from "../benchmark.ts";
import { curlScenario } from "./against-curl.ts";
import { rcloneScenario } from "./against-rclone.ts";
import { marathonScenario } from "./marathon.ts";
import { memoryScenario } from "./memory.ts";
import { rehearsalScenario } from "./rehearsal.ts";

export const harvestBenchmark: Benchmark = {
  name: "harvest",
  summary: "the harvest command: from servers that have the images into a store",
  scenarios: [rcloneScenario, curlScenario, memoryScenario, marathonScenario, rehearsalScenario],
};
