import { useEffect, useState } from "preact/hooks";
import { backOffMs } from "../../back-off.ts";

/** How an image's loading goes. */
export interface Loading {
  /** Counts: another attempt needs another element. */
  readonly attempt: number;
  readonly failed: boolean;
  readonly again: () => void;
  readonly onLoad: (image: HTMLImageElement) => void;
  readonly onError: () => void;
}

/** Loads an image until it is there: a server that is restarted serves it again without a word. `onReady` once it is decoded. */
export function useLoading(onReady: () => void): Loading {
  const [attempt, setAttempt] = useState(0);
  const [failures, setFailures] = useState(0);
  const again = (): void => setAttempt(attempt + 1);
  useEffect(() => {
    if (failures === 0) return undefined;
    const timer = setTimeout(again, backOffMs(failures));
    addEventListener("online", again);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [failures, attempt]);
  const onLoad = async (image: HTMLImageElement): Promise<void> => {
    setFailures(0);
    // One that is loaded and cannot be decoded ahead is shown all the same.
    await image.decode().catch(() => undefined);
    onReady();
  };
  return { attempt, failed: failures > 0, again, onLoad: (image) => void onLoad(image), onError: () => setFailures(failures + 1) };
}
