import { useCallback, useEffect, useRef, useState, type PointerEvent, type RefObject } from "react";
import { alike, covered, pull, type Covered } from "./band";

const SLACK = 4; // pixels before a press is a drag
const PADDING = 16; // of the ground, at each side

type Grid = { scroller: RefObject<HTMLElement | null>; side: number; gap: number; columns: number; count: number };
/** What a rubber band holds now; `adds` where it adds to what is selected. */
export type Held = { cells: Covered | null; adds: boolean };

/**
 * Select by dragging a rubber band over the empty ground of the grid.
 *
 * The band itself is moved without React, once a frame; React hears of it only when other cells
 * lie under it, and `onDone` once, when it is let go. Fingers scroll as ever.
 */
export function useBand(grid: Grid, onDone: (held: Held) => void) {
  const band = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<Held | null>(null);
  const now = useRef({ grid, onDone });
  useEffect(() => {
    now.current = { grid, onDone };
  });
  const ending = useRef<(() => void) | null>(null);
  useEffect(() => () => ending.current?.(), []);

  const begin = useCallback((event: PointerEvent) => {
    const scroller = now.current.grid.scroller.current;
    const ground = band.current?.parentElement;
    if (!scroller || !ground || event.pointerType !== "mouse" || event.button !== 0 || !free(event, scroller)) return;
    ending.current?.();
    const stop = follow({ scroller, ground, box: band.current, first: event.nativeEvent }, () => now.current.grid, {
      change: (cells, adds) => setHeld((known) => (known?.adds === adds && alike(known.cells, cells) ? known : { cells, adds })),
      end: (last) => {
        ending.current = null;
        setHeld(null);
        if (last) now.current.onDone(last);
      },
    });
    ending.current = stop;
  }, []);
  return { band, held, begin };
}

/** Say whether a press is on the ground, and on no picture and no scroll bar. */
function free({ target, clientX }: PointerEvent, scroller: HTMLElement): boolean {
  const left = scroller.getBoundingClientRect().left + scroller.clientLeft;
  return !(target as Element).closest("a, button") && clientX >= left && clientX < left + scroller.clientWidth;
}

type Stage = { scroller: HTMLElement; ground: HTMLElement; box: HTMLElement | null; first: globalThis.PointerEvent };
type Told = { change: (cells: Covered | null, adds: boolean) => void; end: (last: Held | null) => void };

/** Follow the pointer until it is let go; gives what ends it early. */
function follow({ scroller, ground, box, first }: Stage, grid: () => Grid, told: Told): () => void {
  const corner = on(first);
  const adds = first.shiftKey || first.ctrlKey || first.metaKey;
  let pointer = first;
  let last: Held | null = null;
  let frame = 0;
  let before = 0;

  function on({ clientX, clientY }: globalThis.PointerEvent): { x: number; y: number } {
    const { left, top } = ground.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  function draw(at: number): void {
    const view = scroller.getBoundingClientRect();
    const speed = pull(pointer.clientY, view.top, view.bottom);
    if (before > 0 && speed !== 0) scroller.scrollTop += (speed * Math.min(50, at - before)) / 1000;
    before = at;
    const { width, height, top: above } = ground.getBoundingClientRect();
    const to = on(pointer);
    const room = { x: Math.min(Math.max(to.x, -SLACK), width + SLACK), y: Math.min(Math.max(to.y, -SLACK), Math.max(height, scroller.clientHeight - 2 * PADDING)) };
    const [left, right] = corner.x < room.x ? [corner.x, room.x] : [room.x, corner.x];
    const [top, bottom] = corner.y < room.y ? [corner.y, room.y] : [room.y, corner.y];
    if (box) { // no more of it than is in view, for every pixel of it is drawn again
      const seen = Math.max(top, view.top - above - SLACK);
      box.style.transform = `translate(${left}px, ${seen}px)`;
      box.style.width = `${right - left}px`;
      box.style.height = `${Math.max(0, Math.min(bottom, view.bottom - above + SLACK) - seen)}px`;
      box.hidden = false;
    }
    const rtl = getComputedStyle(ground).direction === "rtl";
    const [start, end] = rtl ? [width - right, width - left] : [left, right];
    const { side, gap, columns, count } = grid();
    const cells = covered({ start, end, top, bottom }, side, gap, columns, count);
    last = { cells, adds };
    told.change(cells, adds);
    frame = requestAnimationFrame(draw);
  }

  function move(event: globalThis.PointerEvent): void {
    if (event.pointerId !== first.pointerId) return;
    pointer = event;
    if (frame === 0 && Math.hypot(event.clientX - first.clientX, event.clientY - first.clientY) > SLACK) {
      scroller.setPointerCapture(first.pointerId);
      frame = requestAnimationFrame(draw);
    }
  }

  function finish(done: Held | null): void {
    cancelAnimationFrame(frame);
    if (box) box.hidden = true;
    listening.abort();
    told.end(done);
  }

  const listening = new AbortController();
  const { signal } = listening;
  window.addEventListener("pointermove", move, { signal });
  window.addEventListener("pointerup", () => finish(last), { signal });
  window.addEventListener("pointercancel", () => finish(null), { signal });
  window.addEventListener("blur", () => finish(null), { signal });
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    finish(null);
  }, { signal, capture: true });
  return () => finish(null);
}
