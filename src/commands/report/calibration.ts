import { escapeHtml, tableRow } from "./html.ts";
import { counted } from "../../lib/words.ts";
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

/** Returns the event of one calibration for --json. */
export function calibrationEvent(calibration: Calibration, precision: number): CalibrationEvent {
  const { judge, criterion, isTechnical, all, bins, threshold, tiesOfPeople, tiesOfJudge, unscored } = calibration;
  return {
    event: "calibration",
    judge,
    criterion,
    technical: isTechnical,
    all: all === null ? null : toFields(all),
    bins: bins.map(toFields),
    precision,
    threshold: threshold === null ? null : { ...toFields(threshold), sure: threshold.isSure },
    people_ties: tiesOfPeople,
    judge_ties: tiesOfJudge,
    unscored,
  };
}

function toFields({ minMargin, maxMargin, pairs, prompts, share, low, high }: Agreement): AgreementFields {
  return { min_margin: minMargin, max_margin: maxMargin, pairs, prompts, accuracy: share, low, high };
}

const MARGIN_DIGITS = 4;

interface Told {
  /** The share of agreement that is wanted, 0…1. */
  readonly precision: number;
  readonly severalCriteria: boolean;
}

/** Returns HTML that compares each judge with people's votes. Empty if nobody voted. */
export function calibrationTables(calibrations: readonly Calibration[], { precision, severalCriteria }: Told): string {
  if (calibrations.length === 0) return "";
  const tables = calibrations.map((calibration) => {
    const under = severalCriteria ? ` under ${calibration.criterion}` : "";
    const nature = calibration.isTechnical ? " (a technical score, not preference)" : "";
    const rows = calibration.bins.map((bin) => tableRow([`${margin(bin.minMargin)} to ${margin(bin.maxMargin)}`, ...cells(bin)]));
    const total = calibration.all === null ? [] : [tableRow(["all", ...cells(calibration.all)])];
    const body = [HEAD, ...rows, ...total].join("");
    return `<h3>${escapeHtml(`${calibration.judge}${under}${nature}`)}</h3>${total.length > 0 ? `<table>${body}</table>` : ""}<p>${escapeHtml(
      [thresholdText(calibration, precision), leftOutText(calibration)].filter(Boolean).join(" "),
    )}</p>`;
  });
  return `<h2>Judges against people</h2><p>${NOTE}</p>${tables.join("\n")}`;
}

const NOTE =
  "In pairs of images that people compared: how often the judge prefers the one that most of their votes prefer, by the difference of its " +
  "two scores. The interval (95 %) counts prompts, because pairs of one prompt share images; half of all pairs is what guessing gives.";
const HEAD = "<tr><th>margin</th><th>pairs</th><th>prompts</th><th>agree</th><th>interval</th></tr>";

function cells({ pairs, prompts, share, low, high }: Agreement): string[] {
  return [String(pairs), String(prompts), percent(share), `${percent(low)} to ${percent(high)}`];
}

function thresholdText({ all, threshold }: Calibration, precision: number): string {
  if (all === null) return "No pair that people decided has two scores of it.";
  if (threshold === null) return `No margin reaches ${percent(precision)}.`;
  const { minMargin, share, low, high, pairs, prompts, isSure } = threshold;
  const found = `${percent(share)} (${percent(low)} to ${percent(high)}) of ${counted(pairs, "pair")} from ${counted(prompts, "prompt")}`;
  return isSure
    ? `From margin ${margin(minMargin)} on it is at ${percent(precision)} or more: ${found}.`
    : `From margin ${margin(minMargin)} on it may be at ${percent(precision)}, with too few votes to be sure: ${found}.`;
}

function leftOutText({ tiesOfPeople, tiesOfJudge, unscored }: Calibration): string {
  const parts = [
    ...(tiesOfPeople > 0 ? [`${tiesOfPeople} on which people were divided or saw no difference`] : []),
    ...(tiesOfJudge > 0 ? [`${tiesOfJudge} with equal scores`] : []),
    ...(unscored > 0 ? [`${unscored} without a score`] : []),
  ];
  return parts.length === 0 ? "" : `Left out: ${parts.join(", ")}.`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const margin = (value: number): string => String(Number(value.toPrecision(MARGIN_DIGITS)));
