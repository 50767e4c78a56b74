import type { DiskFile, EmulatorDisk, FilePlace } from "./disk.ts";
import type { FaultPlan } from "./faults.ts";

const VIEW_FAULTS = ["view-404", "view-cut", "view-short", "view-flip", "view-html", "view-swap", "view-stall"] as const;

export type ViewFault = (typeof VIEW_FAULTS)[number];

interface Viewing {
  readonly subject: string;
  /** The file's recipe as text, where FAIL is looked for. */
  readonly text: () => string;
}

/** What goes wrong with this answer, if anything. */
export function spoiledView(plan: FaultPlan, { subject, text }: Viewing): ViewFault | undefined {
  const recipe = text();
  return VIEW_FAULTS.find((kind) => plan.strikes(kind, subject, recipe));
}

interface Viewed {
  readonly place: FilePlace;
  readonly file: DiskFile;
}

/** The file whose bytes "view-swap" sends: the first other one of the same kind. */
export function swappedFile(disk: Pick<EmulatorDisk, "places" | "get">, { place, file }: Viewed): DiskFile | undefined {
  for (const other of disk.places(place.type)) {
    const candidate = disk.get(other);
    if (candidate !== undefined && candidate !== file) return candidate;
  }
  return undefined;
}
