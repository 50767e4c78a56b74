#!/usr/bin/env node
// The first file that runs, on whatever Node there is: it imports nothing, because better-sqlite3 crashes Node before 22.14
// (N-API 10) with a segmentation fault instead of an error (WiseLibs/better-sqlite3#1514).
const NEEDED_NAPI = 10;
const USAGE_EXIT = 2;

if (Number(process.versions["napi"]) < NEEDED_NAPI) {
  process.stderr.write(
    `Error: Cannot run on Node ${process.versions.node}: comfy-dpo needs Node 22.14 or newer\n` +
      `Try: pnpm pipeline …, which uses the Node 24 that is installed with the project\n`,
  );
  process.exitCode = USAGE_EXIT;
} else {
  // Each flush to the disk holds a thread of the pool, and 16 transfers flush at once: with the default of 4 they wait for each other.
  // Read by libuv when the pool is first used.
  process.env["UV_THREADPOOL_SIZE"] ??= "16";
  // Types are stripped and code is compiled once a version: a third of the time that a start takes.
  process.getBuiltinModule("node:module").enableCompileCache?.();
  const { main } = await import("./cli.ts");
  await main(process.argv.slice(2));
}
