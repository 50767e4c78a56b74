import { execFileSync } from "node:child_process";
import { isatty, type ReadStream } from "node:tty";
import { InterruptedError } from "../../errors.ts";
import type { Log } from "../log.ts";

const STDIN_FD = 0;

export interface Signals extends Disposable {
  /** First Ctrl-C or SIGTERM, or SIGHUP: stop taking work, settle what is in flight. */
  readonly stopping: AbortSignal;
  /** Second Ctrl-C or SIGTERM: leave now. */
  readonly signal: AbortSignal;
  /** Stops as the first signal does, without a word. */
  readonly stop: () => void;
  dispose(): void;
}

interface SignalOptions {
  /** The command reads the keyboard itself. */
  readonly asks: boolean;
  /** The message at the first signal. */
  readonly message: string;
}

/** Turns SIGINT, SIGTERM, SIGHUP and Ctrl-C into two abort signals. */
export function onSignals(from: NodeJS.Process, log: Pick<Log, "info">, { asks, message }: SignalOptions): Signals {
  const stopping = new AbortController();
  const leaving = new AbortController();
  const stop = (): void => stopping.abort(new InterruptedError("Interrupted"));
  const onSignal = (): void => {
    if (stopping.signal.aborted) return leaving.abort(new InterruptedError("Interrupted twice"));
    log.info(message);
    stop();
  };
  // A terminal that is closed sends it twice, from the shell and from the kernel: the second says nothing new.
  const onHangUp = (): void => {
    if (!stopping.signal.aborted) onSignal();
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) from.on(name, onSignal);
  from.on("SIGHUP", onHangUp);
  const giveBackKeys = asks || !isatty(STDIN_FD) ? () => undefined : takeTerminalKeys(processKeyHost(from), onSignal);
  const dispose = (): void => {
    giveBackKeys();
    for (const name of names) from.off(name, onSignal);
    from.off("SIGHUP", onHangUp);
  };
  return { stopping: stopping.signal, signal: leaving.signal, stop, dispose, [Symbol.dispose]: dispose };
}

const CTRL_C = 0x03;
const CTRL_Z = 0x1a;
const CTRL_BACKSLASH = 0x1c;

/** The parts of `process` that the keys need; tests bring their own. */
export interface KeyHost {
  readonly stdin: Pick<ReadStream, "isTTY" | "setRawMode" | "on" | "off" | "ref" | "unref" | "pause" | "resume">;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True while our process group is the one that the terminal's keys go to. */
  isForeground(): boolean;
  on(name: "SIGCONT", listener: () => void): unknown;
  off(name: "SIGCONT", listener: () => void): unknown;
  /** Sends a signal to the whole process group, ourselves included. */
  signalGroup(name: "SIGTSTP" | "SIGQUIT"): void;
}

/**
 * Takes Ctrl-C from the keyboard instead of from the terminal driver where pnpm started us. pnpm 12 dies of SIGINT at once, without
 * waiting for its script: the prompt would come back over a program that still settles its work, the second Ctrl-C would go to the
 * shell, and the exit code would be lost. With the driver's signals off only we are told. Returns the function that undoes it.
 */
export function takeTerminalKeys(host: KeyHost, onInterrupt: () => void): () => void {
  const { stdin, env } = host;
  if (!stdin.isTTY || env["npm_config_user_agent"]?.startsWith("pnpm/") !== true) return () => undefined;
  let isTaken = false;

  // Changing or reading the terminal from the background would stop us (SIGTTOU, SIGTTIN).
  const take = (): void => {
    if (isTaken || !host.isForeground()) return;
    isTaken = true;
    stdin.setRawMode(true);
    stdin.on("data", onKeys);
    stdin.resume();
    stdin.unref();
  };
  const giveBack = (): void => {
    if (!isTaken) return;
    isTaken = false;
    stdin.off("data", onKeys);
    stdin.pause();
    if (host.isForeground()) stdin.setRawMode(false);
  };
  const onKeys = (keys: Buffer): void => {
    for (const key of keys) {
      if (key === CTRL_C) onInterrupt();
      if (key !== CTRL_Z && key !== CTRL_BACKSLASH) continue;
      giveBack();
      host.signalGroup(key === CTRL_Z ? "SIGTSTP" : "SIGQUIT");
    }
  };

  // A terminal whose window was closed fails with EIO, which must not end what still settles its work.
  stdin.on("error", () => undefined);
  take();
  host.on("SIGCONT", take); // `fg` after Ctrl-Z.
  return () => {
    host.off("SIGCONT", take);
    giveBack();
  };
}

/** The running process as a host. */
function processKeyHost(from: NodeJS.Process): KeyHost {
  return {
    stdin: from.stdin,
    env: from.env,
    isForeground: () => isForegroundProcess(from.pid),
    on: (name, listener) => from.on(name, listener),
    off: (name, listener) => from.off(name, listener),
    signalGroup: (name) => void from.kill(0, name),
  };
}

/** Asks `ps`, alike on Linux and macOS, because Node does not say. If it cannot be asked, the keys are left alone. */
function isForegroundProcess(pid: number): boolean {
  try {
    const [group, foreground] = execFileSync("ps", ["-o", "pgid=,tpgid=", "-p", String(pid)], { encoding: "utf8" })
      .trim()
      .split(/\s+/);
    return group !== undefined && group === foreground;
  } catch {
    return false;
  }
}
