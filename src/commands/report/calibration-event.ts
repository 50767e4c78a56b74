import type { Calibration } from "../../stages/annotate/calibrate/calibrate.ts";
import type { Agreement } from "../../stages/annotate/calibrate/judge-accuracy.ts";

// A type, not an interface: only a type counts as JSON.
type AgreementFields = {
  readonly min_margin: number;
  readonly max_margin: number;
  readonly pairs: number;
  readonly prompts: number;
  readonly accuracy: number;
  /** 95 % interval, by prompts. */
  readonly low: number;
  readonly high: number;
};

/** report: one judge beside people's votes under one criterion. */
export interface CalibrationEvent {
  readonly event: "calibration";
  readonly judge: string;
  readonly criterion: string;
  readonly technical: boolean;
  readonly all: AgreementFields | null;
  readonly bins: readonly AgreementFields[];
  readonly precision: number;
  /** Pairs from this margin on; `sure`: the low end of the interval reaches `precision`, too. */
  readonly threshold: (AgreementFields & { readonly sure: boolean }) | null;
  /** Pairs that were left out. */
  readonly people_ties: number;
  readonly judge_ties: number;
  readonly unscored: number;
}

export function calibrationEvent(calibration: Calibration, precision: number): CalibrationEvent {
  const { judge, criterion, isTechnical, all, bins, threshold, tiesOfPeople, tiesOfJudge, unscored } = calibration;
  return {
    event: "calibration",
    judge,
    criterion,
    technical: isTechnical,
    all: all === null ? null : fieldsOf(all),
    bins: bins.map(fieldsOf),
    precision,
    threshold: threshold === null ? null : { ...fieldsOf(threshold), sure: threshold.isSure },
    people_ties: tiesOfPeople,
    judge_ties: tiesOfJudge,
    unscored,
  };
}

function fieldsOf({ minMargin, maxMargin, pairs, prompts, share, low, high }: Agreement): AgreementFields {
  return { min_margin: minMargin, max_margin: maxMargin, pairs, prompts, accuracy: share, low, high };
}
