import { hash } from "node:crypto";
import { emulatorDisk } from "../../src/emulator/files/disk.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import type { EmulatorReport, EmulatorSpec, FileChecksum } from "./emulators.ts";

// Runs emulators in a process of their own, tells the parent their URLs, and when asked what they did.

const specs = JSON.parse(process.argv[2] ?? "[]") as readonly EmulatorSpec[]; // emulators.ts wrote it.
const emulators = await Promise.all(
  specs.map(async ({ isDead, ...options }) => {
    const disk = emulatorDisk();
    const emulator = await startEmulator({ ...options, disk });
    if (isDead === true) await emulator.stop();
    return { emulator, disk };
  }),
);

process.on("message", (asked) => process.send?.(asked === "checksums" ? checksums() : report()));
process.on("disconnect", () => process.exit());
process.send?.(emulators.map(({ emulator }) => emulator.url));

function report(): EmulatorReport {
  const files = new Map<string, number>();
  for (const { disk } of emulators) {
    for (const { filename } of disk.places("output")) {
      const job = filename.replace(/_\d+_\.png$/, ""); // SaveImage puts a counter behind the prefix.
      files.set(job, (files.get(job) ?? 0) + 1);
    }
  }
  return {
    servers: emulators.map(({ emulator }) => ({ ...emulator.stats })),
    jobsSaved: files.size,
    jobsSavedTwice: [...files.values()].filter((count) => count > 1).length,
    promptsRunTwice: emulators.flatMap(({ emulator }) => [...emulator.executions.values()]).filter((count) => count > 1).length,
  };
}

/** The bytes that the servers would send if nothing went wrong. */
function checksums(): readonly FileChecksum[] {
  return emulators.flatMap(({ disk }) =>
    [...disk.places("output")].flatMap((place) => {
      const file = disk.get(place);
      const job = place.filename.replace(/_\d+_\.png$/, "");
      return file === undefined ? [] : [{ job, sha256: hash("sha256", disk.read(file)) }];
    }),
  );
}
