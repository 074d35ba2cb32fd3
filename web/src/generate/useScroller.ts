import { useLayoutEffect, useState, type RefObject } from "react";

export type Scroller = {
  element: HTMLElement | null;
  margin: number; // pixels from the beginning of what scrolls to that of the list
  width: number; // of the list, pixels; 0 before it was measured
};

const NONE: Scroller = { element: null, margin: 0, width: 0 };

/** Find what scrolls a list, its own frame or on a phone the whole page, and how the list lies in it. */
export function useScroller(list: RefObject<HTMLElement | null>): Scroller {
  const [held, setHeld] = useState(NONE);
  useLayoutEffect(() => {
    const own = list.current;
    if (!own) return;
    const look = (): void => {
      const found = measured(own);
      setHeld((before) => (isSame(before, found) ? before : found));
    };
    look();
    const watch = new ResizeObserver(look);
    watch.observe(own);
    const page = own.closest(".page"); // grows with what lies above the list
    if (page) watch.observe(page);
    return () => watch.disconnect();
  }, [list]);
  return held;
}

function measured(list: HTMLElement): Scroller {
  let element = list.parentElement;
  while (element && !["auto", "scroll"].includes(getComputedStyle(element).overflowY)) element = element.parentElement;
  const { top, width } = list.getBoundingClientRect();
  const above = element ? top - element.getBoundingClientRect().top + element.scrollTop : 0;
  return { element, margin: Math.round(above), width: Math.floor(width) };
}

function isSame(one: Scroller, other: Scroller): boolean {
  return one.element === other.element && one.margin === other.margin && one.width === other.width;
}
