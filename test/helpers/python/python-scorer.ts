import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { findFreePorts } from "../free-ports.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PYTHON = join(ROOT, ".venv/bin/python");
const SERVER = join(ROOT, "docs/examples/scorers/server.py");
const START_TIMEOUT_MS = 30_000;

export interface PythonScorer extends AsyncDisposable {
  readonly url: string;
}

/** True if .venv has FastAPI. Where it has not, its tests are skipped by name; with REQUIRE_ALL_PARTS=1 that is an error. */
export function requirePythonScorer(): boolean {
  const find =
    "import importlib.util, sys; sys.exit(importlib.util.find_spec('fastapi') is None or importlib.util.find_spec('uvicorn') is None)";
  if (existsSync(PYTHON) && spawnSync(PYTHON, ["-c", find], { stdio: "ignore" }).status === 0) return true;
  if (process.env["REQUIRE_ALL_PARTS"] === "1")
    throw new Error("Python fastapi or uvicorn is missing and REQUIRE_ALL_PARTS=1 allows no skip");
  process.stderr.write(`skipped: tests on the example scorers, because ${PYTHON} has no fastapi (test/parts.txt names it)\n`);
  return false;
}

/** Starts docs/examples/scorers/server.py --fake, and waits until it listens. */
export async function startPythonScorer(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<PythonScorer> {
  const [port] = await findFreePorts(1);
  const child = spawn(PYTHON, [SERVER, "--fake", "--port", String(port), ...args], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...env },
    stdio: "ignore",
  });
  const gone = once(child, "exit");
  const url = `http://127.0.0.1:${port}/score`;
  const untilMs = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`The scorer did not start (exit ${child.exitCode})`);
    await setTimeout(50);
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill();
      await gone;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false, // Nothing listens yet.
  );
}
