import { useState, type PointerEvent } from "react";
import type { Job } from "../api/wire.gen";

export type Dragging = {
  job: string | null; // that is held
  to: number; // its place in the line, were it let go
  grab: (event: PointerEvent<HTMLElement>, job: string) => void;
};

/** Move a waiting job by hand: rows are of one height, so the pointer's way counts places. */
export function useDragging(
  waiting: Job[], first: number, row: number, move: (job: string, to: number) => void,
): Dragging {
  const [held, setHeld] = useState<{ job: string; to: number } | null>(null);

  function grab(event: PointerEvent<HTMLElement>, job: string): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const handle = event.currentTarget;
    const scroll = handle.closest<HTMLElement>(".queue-scroll");
    if (!scroll) return;
    const from = waiting.findIndex(({ id }) => id === job);
    let to = from;
    handle.setPointerCapture(event.pointerId);
    setHeld({ job, to });

    function drag(moved: globalThis.PointerEvent): void {
      if (!scroll) return;
      const box = scroll.getBoundingClientRect();
      if (moved.clientY < box.top + row / 2) scroll.scrollBy(0, -row / 4);
      if (moved.clientY > box.bottom - row / 2) scroll.scrollBy(0, row / 4);
      to = placeAt(moved.clientY - box.top + scroll.scrollTop, row, first, waiting.length);
      setHeld({ job, to });
    }

    function end(canceled: boolean): void {
      handle.removeEventListener("pointermove", drag);
      handle.removeEventListener("pointerup", drop);
      handle.removeEventListener("pointercancel", leave);
      setHeld(null);
      if (!canceled && to !== from) move(job, to);
    }
    const drop = () => end(false);
    const leave = () => end(true);
    handle.addEventListener("pointermove", drag);
    handle.addEventListener("pointerup", drop);
    handle.addEventListener("pointercancel", leave);
  }

  return { job: held?.job ?? null, to: held?.to ?? -1, grab };
}

/** Give the place in the line that lies at a height of the list. */
export function placeAt(height: number, row: number, first: number, count: number): number {
  return Math.max(0, Math.min(count - 1, Math.floor(height / row) - first));
}
