import { writeFileSync } from "node:fs";

// Loaded before a program (node --import): when it ends, whichever way but kill -9, it says what it used. The program stays as it is.

const file = process.env["BENCH_USAGE_FILE"];
if (file !== undefined) {
  process.on("exit", () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    writeFileSync(
      file,
      JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1_000, systemMs: systemCPUTime / 1_000, rssMb: maxRSS / 1_024 }),
    );
  });
}
