import { useLayoutEffect, useState, type RefObject } from "react";

export type Around = { scroller: HTMLElement | null; margin: number };

/** Find what scrolls a list that is a part of a page, and how far below the beginning of that the list stands. */
export function useAround(list: RefObject<HTMLElement | null>): Around {
  const [around, setAround] = useState<Around>({ scroller: null, margin: 0 });
  useLayoutEffect(() => {
    const box = list.current;
    if (!box) return;
    function look(): void {
      const scroller = scrollerOf(box);
      const margin = box && scroller ? Math.round(box.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop) : 0;
      setAround((before) => (before.scroller === scroller && before.margin === margin ? before : { scroller, margin }));
    }
    const watcher = new ResizeObserver(look); // what stands above grows and shrinks, and narrow pages scroll as a whole
    watcher.observe(document.body);
    if (box.parentElement) for (const one of box.parentElement.children) watcher.observe(one);
    look();
    return () => watcher.disconnect();
  }, [list]);
  return around;
}

function scrollerOf(box: HTMLElement | null): HTMLElement | null {
  for (let one = box?.parentElement ?? null; one; one = one.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(one).overflowY)) return one;
  }
  return document.documentElement;
}
