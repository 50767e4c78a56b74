import { describe, expect, it } from "vitest";
import { commandOfKey, type Key } from "../../../src/page/web/command-of-key.ts";

const key = (each: Partial<Key>): Key => ({ key: "", code: "", repeat: false, ctrlKey: false, metaKey: false, altKey: false, ...each });

describe("commandOfKey", () => {
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
    expect(commandOfKey(key({ key: name }))).toEqual(command);
  });

  it("knows digits by their place, and letters where an input method or another alphabet hides them", () => {
    expect(commandOfKey(key({ key: "&", code: "Digit1" }))).toEqual({ kind: "pick", index: 0 }); // French
    expect(commandOfKey(key({ key: "Process", code: "KeyT" }))).toEqual({ kind: "tie" }); // Pinyin
    expect(commandOfKey(key({ key: "я", code: "KeyZ" }))).toEqual({ kind: "undo" });
    expect(commandOfKey(key({ key: "z", code: "KeyY" }))).toEqual({ kind: "undo" }); // German
  });

  it("never chooses twice for a key that is held down, and moves on for an arrow", () => {
    expect(commandOfKey(key({ key: "1", repeat: true }))).toBeNull();
    expect(commandOfKey(key({ key: "z", repeat: true }))).toBeNull();
    expect(commandOfKey(key({ key: "ArrowLeft", repeat: true }))).toEqual({ kind: "pan", x: 1, y: 0 });
  });

  it("leaves the browser's own keys alone", () => {
    for (const modifier of ["ctrlKey", "metaKey", "altKey"]) expect(commandOfKey(key({ key: "t", [modifier]: true }))).toBeNull();
    for (const name of ["Tab", "Enter", "F5", "5", "0", "q"]) expect(commandOfKey(key({ key: name }))).toBeNull();
  });
});
