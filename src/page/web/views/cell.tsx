import { useEffect, useRef, useState } from "preact/hooks";
import type { Flag, Image } from "../../api.ts";
import { useStrings } from "../strings/language.ts";
import { addZoomGestures } from "../zoom-gestures.ts";
import { place, type Placement, type Zoom } from "../geometry.ts";
import { useSize } from "./use-size.ts";
import { chooseBackOffMs } from "../ask-server.ts";

export interface Mark {
  readonly text: string;
  /** `before`: from a vote that was undone. */
  readonly tone: "best" | "worst" | "before";
}

interface CellProps {
  readonly image: Image;
  /** Position on screen, from 0. */
  readonly index: number;
  readonly mark: Mark | null;
  readonly flags: readonly Flag[];
  readonly zoom: Zoom;
  readonly onZoom: (zoom: Zoom) => void;
  readonly isActive: boolean;
  readonly canChoose: boolean;
  readonly onChoose: () => void;
  /** Called once the image is decoded, so that it is drawn in the frame in which it is shown. */
  readonly onReady: () => void;
}

/** One image: a button that chooses it, zoomed and moved together with the others of its task. */
export function Cell({ image, index, mark, flags, zoom, onZoom, isActive, canChoose, onChoose, onReady }: CellProps) {
  const strings = useStrings();
  const [frame, setFrame] = useState<HTMLElement | null>(null);
  const loading = useLoading(onReady);
  const size = useSize(frame);
  const latest = useRef({ zoom, onZoom });
  latest.current = { zoom, onZoom };

  useEffect(() => {
    if (frame === null) return undefined;
    return addZoomGestures(frame, {
      frame: () => ({ cell: { width: frame.clientWidth, height: frame.clientHeight }, image }),
      zoom: () => latest.current.zoom,
      onZoom: (next) => {
        // Two events in one frame must build on each other.
        latest.current.zoom = next;
        latest.current.onZoom(next);
      },
    });
  }, [frame, image]);
  const isZoomed = zoom !== "fit";
  const drawn = size === null || size.height === 0 ? null : place(zoom, { cell: size, image });
  // The number stays close below the image, whatever the height of the cell.
  const caption = drawn === null || isZoomed ? {} : { transform: `translateY(${-Math.floor(drawn.top)}px)` };
  return (
    <div class="cell" data-tone={mark?.tone ?? "none"}>
      <button
        type="button"
        class="choose"
        data-index={index}
        aria-keyshortcuts={String(index + 1)}
        aria-disabled={!canChoose}
        onClick={() => canChoose && onChoose()}
      >
        <span ref={setFrame} class={isZoomed ? "frame zoomed" : "frame"}>
          <img
            key={loading.attempt}
            src={image.thumb}
            alt=""
            draggable={false}
            fetchpriority={isActive ? "high" : "low"}
            style={drawn === null ? {} : placeStyle(drawn, image, isZoomed)}
            onLoad={({ currentTarget }) => loading.onLoad(currentTarget)}
            onError={loading.onError}
          />
          {!canChoose && !loading.failed && (
            <span class="loading" aria-hidden="true">
              {strings.loading}
            </span>
          )}
          {drawn !== null && isZoomed && <img src={image.full} alt="" draggable={false} style={placeStyle(drawn, image, true)} />}
        </span>
        <span class="caption" style={caption}>
          <span class="visually-hidden">{strings.choose} </span>
          <kbd>{index + 1}</kbd>
          {mark !== null && <span class="mark">{mark.text}</span>}
          {flags.length > 0 && <span class="flagged">⚑ {flags.map((flag) => strings.flag[flag]).join(", ")}</span>}
        </span>
      </button>
      {loading.failed && (
        <MissingImage
          name={strings.image(index + 1)}
          onAgain={() => {
            // Its button disappears once the image is loaded, and the focus must not disappear with it.
            frame?.closest("button")?.focus();
            loading.again();
          }}
        />
      )}
    </div>
  );
}

/** Shown for an image that cannot be loaded. */
function MissingImage({ name, onAgain }: { readonly name: string; readonly onAgain: () => void }) {
  const strings = useStrings();
  return (
    <p class="missing" role="alert">
      <span>
        <span class="visually-hidden">{name}: </span>
        {strings.imageMissing}
      </span>
      <button type="button" class="plain" aria-label={`${strings.imageAgain}: ${name}`} onClick={onAgain}>
        {strings.imageAgain}
      </button>
    </p>
  );
}

/** Returns a plain box at fit, so that an outline fits the image; zoomed, a transform, which is quick to change. */
function placeStyle({ left, top, scale }: Placement, { width, height }: Image, isZoomed: boolean): Readonly<Record<string, string>> {
  if (isZoomed) return { width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px) scale(${scale})` };
  return { left: `${left}px`, top: `${top}px`, width: `${width * scale}px`, height: `${height * scale}px` };
}

/** The loading of one image. */
export interface Loading {
  /** Counts attempts: each needs a new element. */
  readonly attempt: number;
  readonly failed: boolean;
  readonly again: () => void;
  readonly onLoad: (image: HTMLImageElement) => void;
  readonly onError: () => void;
}

/**
 * Loads an image, and retries until it succeeds, because a restarted server serves it again without notice. Calls `onReady` once it is
 * decoded.
 */
function useLoading(onReady: () => void): Loading {
  const [attempt, setAttempt] = useState(0);
  const [failures, setFailures] = useState(0);
  const again = (): void => setAttempt(attempt + 1);
  useEffect(() => {
    if (failures === 0) return undefined;
    const timer = setTimeout(again, chooseBackOffMs(failures));
    addEventListener("online", again);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [failures, attempt]);
  const onLoad = async (image: HTMLImageElement): Promise<void> => {
    setFailures(0);
    // An image that cannot be decoded ahead is shown all the same.
    await image.decode().catch(() => undefined);
    onReady();
  };
  return { attempt, failed: failures > 0, again, onLoad: (image) => void onLoad(image), onError: () => setFailures(failures + 1) };
}
