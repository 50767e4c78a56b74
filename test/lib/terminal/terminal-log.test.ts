import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { createTerminalLog, type TerminalLogOptions } from "../../../src/lib/terminal/terminal-log.ts";

/** A terminal: what both streams write, in order, as it would be seen once escape sequences have had their effect. */
function terminal() {
  const lines: string[] = [];
  const write = (text: string): void => {
    // oxlint-disable-next-line no-control-regex -- the sequence that clears bars
    const [, up, rest] = /^(?:\r\u001B\[(\d+)A\u001B\[0J)?([^]*)$/.exec(text) ?? [];
    lines.splice(lines.length - Number(up ?? 0));
    if (rest !== undefined && rest !== "") lines.push(...rest.replace(/\n$/, "").split("\n"));
  };
  const stream = (isTTY: boolean) =>
    Object.assign(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          write(chunk.toString());
          done();
        },
      }),
      { isTTY, columns: 80 },
    );
  return { lines, stream };
}

let nowMs = 1_000_000;
const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
const progress = { done: 1, total: 2, failed: 0 };

function open(options: Partial<TerminalLogOptions> & { readonly isTTY: boolean }) {
  const { lines, stream } = terminal();
  const log = createTerminalLog({
    level: "info",
    json: false,
    stderr: stream(options.isTTY),
    stdout: stream(options.isTTY),
    clock,
    ...options,
  });
  return { lines, log };
}

describe("createTerminalLog() on a terminal", () => {
  test("keeps bars below messages", () => {
    const { lines, log } = open({ isTTY: true });
    log.progress("harvest", progress);
    log.info("one");
    log.warn("two");
    expect(lines).toEqual(["one", "Warning: two", expect.stringContaining("harvest")]);
  });

  test("a printed result is the end, and stays", () => {
    const { lines, log } = open({ isTTY: true });
    log.progress("generate", progress);
    log.progress("harvest", progress);
    log.info("Exported");
    log.print("rows    a\ncard    b");
    log.close();
    expect(lines).toEqual(["Exported", "rows    a", "card    b"]);
  });

  test("shows control characters of servers' words instead of obeying them", () => {
    const { lines, log } = open({ isTTY: true });
    log.error("bad \u001B[2J\u0007 name");
    expect(lines).toEqual(["Error: bad \\x1b[2J\\x07 name"]);
  });
});

describe("createTerminalLog() elsewhere", () => {
  test("has a plain line every 30 s", () => {
    const { lines, log } = open({ isTTY: false });
    log.progress("harvest", progress);
    log.progress("harvest", progress);
    expect(lines).toEqual([]);
    nowMs += 30_000;
    log.progress("harvest", { ...progress, done: 2 });
    expect(lines).toEqual([expect.stringMatching(/^harvest .* 2\/2/)]);
    log.close();
    expect(lines).toHaveLength(1);
  });

  test("--quiet says errors only; --json has events on stdout", () => {
    const { lines, log } = open({ isTTY: false, level: "error", json: true });
    log.info("hidden");
    log.event("done", { exit: 0, seed: 18446744073709551615n });
    expect(lines).toEqual(['{"event":"done","exit":0,"seed":18446744073709551615}']);
  });
});

test("clears bars from the start of the line: a terminal that echoes ^C has left the cursor behind it", () => {
  let raw = "";
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        raw += chunk.toString();
        done();
      },
    }),
    { isTTY: true, columns: 80 },
  );
  const log = createTerminalLog({ level: "info", json: false, stderr: stream, stdout: stream, clock });
  log.progress("generate", progress);
  log.info("Stopping");
  expect(raw).toContain("\r\u001B[1A\u001B[0JStopping");
});
