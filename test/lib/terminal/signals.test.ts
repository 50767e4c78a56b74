import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { type KeyHost, takeTerminalKeys } from "../../../src/lib/terminal/signals.ts";

/** A terminal and a process group that only remember what was done to them. */
function fakeHost({ agent = "pnpm/12.3.4 npm/? node/v24", isTTY = true, foreground = true } = {}) {
  const keyboard = new EventEmitter();
  const signals = new EventEmitter();
  const done: string[] = [];
  const state = { foreground };
  const stdin = {
    isTTY,
    setRawMode: (raw: boolean) => void done.push(raw ? "raw" : "cooked"),
    on: (name: string, listener: (data: Buffer) => void) => keyboard.on(name, listener),
    off: (name: string, listener: (data: Buffer) => void) => keyboard.off(name, listener),
    ref: () => undefined,
    unref: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  } as unknown as KeyHost["stdin"]; // Return types of the real stream that nobody reads.
  const host: KeyHost = {
    stdin,
    env: { npm_config_user_agent: agent },
    isForeground: () => state.foreground,
    on: (name, listener) => signals.on(name, listener),
    off: (name, listener) => signals.off(name, listener),
    signalGroup: (name) => void done.push(name),
  };
  return {
    host,
    done,
    state,
    press: (...codes: number[]) => keyboard.emit("data", Buffer.from(codes)),
    resumeInForeground: () => signals.emit("SIGCONT"),
  };
}

describe("takeTerminalKeys()", () => {
  it("hears each Ctrl-C where pnpm would die of it, and gives the terminal back", () => {
    const { host, done, press } = fakeHost();
    let interrupts = 0;
    const giveBack = takeTerminalKeys(host, () => interrupts++);
    press(0x61, 0x03);
    press(0x03);
    expect(interrupts).toBe(2);
    giveBack();
    press(0x03);
    expect(interrupts).toBe(2);
    expect(done).toEqual(["raw", "cooked"]);
  });

  it.each([
    ["started by a shell", { agent: "" }],
    ["started by npm, which waits", { agent: "npm/11.0.0" }],
    ["without a terminal", { isTTY: false }],
    ["in the background", { foreground: false }],
  ])("leaves the terminal alone %s", (_, options) => {
    const { host, done } = fakeHost(options);
    takeTerminalKeys(host, () => undefined)();
    expect(done).toEqual([]);
  });

  it("stops the whole job at Ctrl-Z with the terminal in order, and takes the keys again when it goes on in the foreground", () => {
    const { host, done, state, press, resumeInForeground } = fakeHost();
    takeTerminalKeys(host, () => undefined);
    press(0x1a);
    expect(done).toEqual(["raw", "cooked", "SIGTSTP"]);
    state.foreground = false;
    resumeInForeground();
    expect(done).toHaveLength(3);
    state.foreground = true;
    resumeInForeground();
    expect(done.at(-1)).toBe("raw");
  });
});
