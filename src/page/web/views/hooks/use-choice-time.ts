import { useLayoutEffect, useRef } from "preact/hooks";

export interface ChoiceTime {
  /** From the images on screen until now, ms; 0 before they are there. */
  readonly sinceShownMs: () => number;
  /** When the key went down that is being acted on, as its event says. */
  readonly onKey: (timeStamp: number) => void;
  /** An answer was given: from here to the next images on screen is measured. */
  readonly onAnswer: () => void;
}

/** Name of the measure in the browser's performance timeline: from a choice to the next images drawn. */
const MEASURE = "choice-to-next";
/** The browser keeps every measure until it is told not to. */
const MEASURES_MAX = 1_000;

/** How long people look, and how long they wait: the second can be read in the browser's own tools. */
export function useChoiceTime(taskId: string, isReady: boolean): ChoiceTime {
  const shownAt = useRef<number | null>(null);
  const keyAt = useRef<number | null>(null);
  const answeredAt = useRef<number | null>(null);
  useLayoutEffect(() => {
    shownAt.current = isReady ? performance.now() : null;
    const start = answeredAt.current;
    if (!isReady || start === null) return;
    answeredAt.current = null;
    // The second callback comes after the frame that the first belongs to was drawn.
    requestAnimationFrame(() => requestAnimationFrame(() => measure(start)));
  }, [taskId, isReady]);
  return {
    sinceShownMs: () => (shownAt.current === null ? 0 : performance.now() - shownAt.current),
    onKey: (timeStamp) => (keyAt.current = timeStamp),
    onAnswer: () => {
      answeredAt.current = keyAt.current ?? performance.now();
      keyAt.current = null;
    },
  };
}

function measure(start: number): void {
  if (performance.getEntriesByName(MEASURE).length >= MEASURES_MAX) performance.clearMeasures(MEASURE);
  performance.measure(MEASURE, { start, end: performance.now() });
}
