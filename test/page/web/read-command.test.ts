import { describe, expect, it } from "vitest";
import { readCommand, type Key } from "../../../src/page/web/read-command.ts";

const key = (each: Partial<Key>): Key => ({ key: "", code: "", repeat: false, ctrlKey: false, metaKey: false, altKey: false, ...each });

describe("readCommand", () => {
  it.each([
    ["1", { kind: "pick", index: 0 }],
    ["4", { kind: "pick", index: 3 }],
    ["t", { kind: "tie" }],
    ["T", { kind: "tie" }],
    ["b", { kind: "both-bad" }],
    ["s", { kind: "skip" }],
    ["z", { kind: "undo" }],
    ["f", { kind: "flags" }],
    ["g", { kind: "guidelines" }],
    ["n", { kind: "negative" }],
    [" ", { kind: "zoom" }],
    ["?", { kind: "keys" }],
    ["Escape", { kind: "close" }],
  ])("%s", (name, command) => {
    expect(readCommand(key({ key: name }))).toEqual(command);
  });

  it("reads digits by position, and letters that an input method or another alphabet hides", () => {
    expect(readCommand(key({ key: "&", code: "Digit1" }))).toEqual({ kind: "pick", index: 0 }); // French
    expect(readCommand(key({ key: "Process", code: "KeyT" }))).toEqual({ kind: "tie" }); // Pinyin
    expect(readCommand(key({ key: "я", code: "KeyZ" }))).toEqual({ kind: "undo" });
    expect(readCommand(key({ key: "z", code: "KeyY" }))).toEqual({ kind: "undo" }); // German
  });

  it("never chooses twice for a key that is held down, and keeps moving for an arrow", () => {
    expect(readCommand(key({ key: "1", repeat: true }))).toBeNull();
    expect(readCommand(key({ key: "z", repeat: true }))).toBeNull();
    expect(readCommand(key({ key: "ArrowLeft", repeat: true }))).toEqual({ kind: "pan", x: 1, y: 0 });
  });

  it("leaves the browser's own keys alone", () => {
    for (const modifier of ["ctrlKey", "metaKey", "altKey"]) expect(readCommand(key({ key: "t", [modifier]: true }))).toBeNull();
    for (const name of ["Tab", "Enter", "F5", "5", "0", "q"]) expect(readCommand(key({ key: name }))).toBeNull();
  });
});
