import { panBy, zoomAt, type Frame, type Point, type Zoom } from "./geometry.ts";

/** A finger may move this far and still tap, px. */
const SLIP_PX = 8;
/** Zoom for each px of the wheel: a notch of 100 px is about 16 %. */
const ZOOM_A_WHEEL_PX = 0.0015;
/** Px of a line, for wheels that count in lines. */
const LINE_PX = 16;

export interface GestureTarget {
  readonly frame: () => Frame;
  readonly zoom: () => Zoom;
  readonly onZoom: (zoom: Zoom) => void;
}

/**
 * Adds gestures: drag to move, wheel and two fingers to zoom. The click at the end of a drag is suppressed. Returns a function that removes
 * the listeners.
 */
export function addZoomGestures(element: HTMLElement, { frame, zoom, onZoom }: GestureTarget): () => void {
  const listeners = new AbortController();
  const { signal } = listeners;
  const pointers = new Map<number, Point>();
  let start: Point | null = null;
  let wasMoved = false;

  const pointOf = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    if (pointers.size === 0) wasMoved = false;
    start = pointOf(event);
    pointers.set(event.pointerId, start);
  };
  const onMove = (event: PointerEvent): void => {
    const before = pointers.get(event.pointerId);
    if (before === undefined || start === null) return;
    const now = pointOf(event);
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (!wasMoved && others.length === 0 && Math.hypot(now.x - start.x, now.y - start.y) < SLIP_PX) return;
    if (!wasMoved) element.setPointerCapture(event.pointerId);
    wasMoved = true;
    pointers.set(event.pointerId, now);
    const [other] = others;
    onZoom(
      other === undefined
        ? panBy(zoom(), frame(), { x: now.x - before.x, y: now.y - before.y })
        : pinch(zoom(), frame(), { before, now, other }),
    );
  };
  const onUp = (event: PointerEvent): void => {
    pointers.delete(event.pointerId);
  };
  const onClick = (event: MouseEvent): void => {
    if (wasMoved) event.stopImmediatePropagation();
    wasMoved = false;
  };
  const onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const wheelPx = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    onZoom(zoomAt(zoom(), frame(), Math.exp(-wheelPx * ZOOM_A_WHEEL_PX), pointOf(event)));
  };

  element.addEventListener("pointerdown", onDown, { signal });
  element.addEventListener("pointermove", onMove, { signal });
  element.addEventListener("pointerup", onUp, { signal });
  element.addEventListener("pointercancel", onUp, { signal });
  element.addEventListener("click", onClick, { signal, capture: true });
  element.addEventListener("wheel", onWheel, { signal, passive: false });
  return () => listeners.abort();
}

interface Pinch {
  readonly before: Point;
  readonly now: Point;
  /** The finger that does not move. */
  readonly other: Point;
}

function pinch(zoom: Zoom, frame: Frame, { before, now, other }: Pinch): Zoom {
  const distance = Math.hypot(before.x - other.x, before.y - other.y);
  const factor = distance === 0 ? 1 : Math.hypot(now.x - other.x, now.y - other.y) / distance;
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  return panBy(zoomAt(zoom, frame, factor, middle), frame, { x: (now.x - before.x) / 2, y: (now.y - before.y) / 2 });
}
