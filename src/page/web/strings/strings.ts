import type { ErrorCode, Flag, LeadAnswer, RefusedReason, TaskKind } from "../../api.ts";

type PersonState = LeadAnswer["annotators"][number]["state"];

/** Every text of the page. Each language has one object. Numbers arrive formatted for the language. */
export interface Strings {
  /** BCP 47, for `lang` and for formatting numbers. */
  readonly tag: string;
  /** The name of the language in that language. */
  readonly name: string;
  readonly title: string;
  readonly loading: string;
  /** The question. `step` is the number of images that are chosen already. */
  readonly ask: (kind: TaskKind, step: number) => string;
  readonly prompt: string;
  readonly negative: string;
  readonly criterion: string;
  readonly references: string;
  readonly reference: (number: number) => string;
  readonly image: (number: number) => string;
  /** Name of an image's button, before its number. */
  readonly choose: string;
  readonly chosenBefore: string;
  readonly best: string;
  readonly worst: string;
  readonly place: (rank: number) => string;
  readonly tie: string;
  readonly tieNext: string;
  readonly bothBad: (images: number) => string;
  readonly skip: string;
  readonly undo: string;
  readonly flags: string;
  readonly flag: Readonly<Record<Flag, string>>;
  readonly flagsHelp: string;
  readonly guidelines: string;
  readonly noGuidelines: string;
  readonly zoom: string;
  readonly fit: string;
  readonly keys: string;
  readonly close: string;
  readonly keyRows: readonly (readonly [keys: string, does: string])[];
  readonly language: string;
  readonly singleKeys: string;
  readonly progress: (counts: { readonly done: string; readonly left: string }) => string;
  readonly rate: (perHour: string) => string;
  readonly saved: string;
  readonly waiting: (votes: string) => string;
  readonly offline: (votes: string) => string;
  readonly offlineSaved: string;
  readonly cannotUndo: string;
  readonly notKept: string;
  readonly signedOut: {
    readonly title: string;
    readonly text: string;
    readonly waiting: (votes: string) => string;
  };
  readonly otherTab: { readonly title: string; readonly text: string };
  readonly end: { readonly title: string; readonly text: string; readonly done: (votes: string) => string };
  readonly moreLater: string;
  readonly notReachable: { readonly title: string; readonly text: string; readonly again: string };
  readonly imageMissing: string;
  readonly imageAgain: string;
  readonly nothingToUndo: string;
  readonly undone: string;
  readonly answered: (what: string) => string;
  readonly refused: (votes: string) => string;
  readonly refusedReason: Readonly<Record<RefusedReason, string>>;
  readonly dismiss: string;
  readonly error: Readonly<Partial<Record<ErrorCode, string>>>;
  readonly lead: {
    readonly title: string;
    readonly open: string;
    readonly back: string;
    readonly tasks: string;
    readonly people: string;
    readonly all: string;
    readonly taskRows: Readonly<Record<keyof LeadAnswer["tasks"], string>>;
    readonly alpha: string;
    readonly alphaHelp: string;
    readonly annotator: string;
    readonly columns: {
      readonly state: string;
      readonly votes: string;
      readonly skips: string;
      readonly median: string;
      readonly perHour: string;
      readonly gold: string;
      readonly consistency: string;
      readonly agreement: string;
      readonly seen: string;
    };
    readonly state: Readonly<Record<PersonState, string>>;
    readonly excluded: string;
    readonly never: string;
    readonly outOf: (share: string, of: string) => string;
    readonly cspReports: string;
    readonly refresh: string;
    readonly seconds: (seconds: string) => string;
    readonly notLead: string;
  };
}
