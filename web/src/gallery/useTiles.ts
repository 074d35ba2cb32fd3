import { useElementSize, useMergedRef } from "@mantine/hooks";
import { defaultRangeExtractor, useVirtualizer, type Range, type Virtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState, type FocusEvent, type KeyboardEvent, type RefCallback, type RefObject } from "react";
import { step } from "./steps";

type Asked = {
  list: RefObject<HTMLElement | null>; // whose width the tiles share; each stands in something with `data-place`
  target: string; // finds what takes the focus in such a place
  scroller: HTMLElement | null;
  margin?: number; // pixels from the beginning of what scrolls to that of the list
  count: number; // tiles that are there: keys lead to them
  waiting?: number; // rows of places behind them, for those that are still to come
  least: (width: number) => number; // pixels: of a tile in a list so wide
  gap: number;
  below?: number; // pixels of a tile below its picture
};

export type Tiles = {
  ref: RefCallback<HTMLElement>;
  rows: Virtualizer<HTMLElement, Element>;
  columns: number;
  side: number; // of a picture, pixels
  places: number; // that are shown
  first: number; // places in sight
  last: number;
  focused: number | null;
  keys: {
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
    onFocus: (event: FocusEvent<HTMLElement>) => void;
    onBlur: (event: FocusEvent<HTMLElement>) => void;
  };
};

/** Lay tiles in rows, of which those in sight are in the page and the one with the focus; arrows lead from tile to tile. */
export function useTiles({ list, target, scroller, margin = 0, count, waiting = 0, least, gap, below = 0 }: Asked): Tiles {
  const [focused, setFocused] = useState<number | null>(null);
  const aim = useRef<number | null>(null); // the place that a key leads to
  const { ref: sized, width } = useElementSize();
  const columns = Math.max(1, Math.floor((width + gap) / (least(width) + gap)));
  const side = (width - gap * (columns - 1)) / columns;
  const places = count + waiting * columns;
  const rows = useVirtualizer({
    count: width > 0 ? Math.ceil(places / columns) : 0,
    getScrollElement: () => scroller,
    estimateSize: () => side + below,
    scrollMargin: margin,
    gap,
    overscan: 2,
    useFlushSync: false,
    rangeExtractor: useCallback((range: Range) => withRow(range, focused === null ? null : Math.floor(focused / columns)), [focused, columns]),
  });
  const { measure } = rows;
  useEffect(() => measure(), [measure, side, columns]);
  useEffect(() => { // it may have to be read first
    if (aim.current === null) return;
    const found = list.current?.querySelector<HTMLElement>(`[data-place="${aim.current}"] ${target}`);
    if (!found) return;
    aim.current = null;
    found.focus();
  });

  function press(event: KeyboardEvent<HTMLElement>): void {
    const from = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>(target) : null;
    if (!from || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
    const page = Math.max(1, Math.floor((scroller?.clientHeight ?? 0) / (side + below)));
    const to = step(placeOf(from) ?? 0, event.key, columns, count, rtl, page);
    if (to === null) return;
    event.preventDefault();
    aim.current = to;
    setFocused(to); // so that its row is in the page, wherever it is
    rows.scrollToIndex(Math.floor(to / columns), { align: "auto" });
  }

  return {
    ref: useMergedRef(list, sized), rows, columns, side, places, focused,
    first: (rows.range?.startIndex ?? 0) * columns,
    last: Math.min(places, ((rows.range?.endIndex ?? 0) + 1) * columns) - 1,
    keys: {
      onKeyDown: press,
      onFocus: (event) => setFocused(placeOf(event.target)),
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(null);
      },
    },
  };
}

/** The row with the focus stays, and its neighbours: Tab leads from it as if all were there. */
function withRow(range: Range, row: number | null): number[] {
  const shown = defaultRangeExtractor(range);
  if (row === null) return shown;
  const near = [row - 1, row, row + 1].filter((one) => one >= 0 && one < range.count);
  return [...new Set([...shown, ...near])].sort((one, two) => one - two);
}

function placeOf(element: Element): number | null {
  const place = element.closest<HTMLElement>("[data-place]")?.dataset.place;
  return place === undefined ? null : Number(place);
}
