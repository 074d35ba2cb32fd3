import { useElementSize, useMergedRef } from "@mantine/hooks";
import { defaultRangeExtractor, useVirtualizer, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState, type FocusEvent, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { step } from "../gallery/steps";
import { useFeature, useSelect } from "../state/store";
import { at, length, NO_PAGES } from "./pages";
import { PictureCard } from "./PictureCard";
import { setActions } from "./setActions";
import { useAround } from "./useAround";

const GAP = 12;
const [WIDE, NARROW] = [200, 148]; // pixels: the least of a card, on a desk and on a phone
const PHONE = 520;
const BELOW = 104; // pixels of a card below its picture, before it is measured

type Props = { dataset: string; count: number; onLook: (image: string) => void };

/** The pictures of a set in rows; only those in sight are in the page, and the one that has the focus. */
export function Pictures({ dataset, count: counted, onLook }: Props): ReactNode {
  const { t } = useTranslation();
  const { look } = useFeature(setActions);
  const pictures = useSelect((state) => state.training.whole[dataset]?.pictures ?? NO_PAGES);
  const [focused, setFocused] = useState<number | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const aim = useRef<number | null>(null); // the place that a key leads to
  const { ref: sized, width } = useElementSize();
  const { scroller, margin } = useAround(list);
  const count = length(pictures, counted);
  const columns = Math.max(1, Math.floor((width + GAP) / ((width < PHONE ? NARROW : WIDE) + GAP)));
  const side = (width - GAP * (columns - 1)) / columns;
  const rows = useVirtualizer({
    count: width > 0 ? Math.ceil(count / columns) : 0,
    getScrollElement: () => scroller,
    estimateSize: () => side + BELOW,
    scrollMargin: margin,
    gap: GAP,
    overscan: 2,
    useFlushSync: false,
    rangeExtractor: useCallback((range: Range) => withRow(range, focused === null ? null : Math.floor(focused / columns)), [focused, columns]),
  });
  const { measure } = rows;
  useEffect(() => measure(), [measure, side, columns]);
  const first = (rows.range?.startIndex ?? 0) * columns;
  const last = Math.min(count, ((rows.range?.endIndex ?? 0) + 1) * columns) - 1;
  useEffect(() => {
    const ahead = Math.max(0, last - first + 1);
    look(dataset, Math.max(0, first - ahead), Math.min(count - 1, last + ahead));
  }, [look, dataset, first, last, count, pictures]);

  function press(event: KeyboardEvent<HTMLElement>): void {
    const button = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>(".picture-look") : null;
    if (!button || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
    const page = Math.max(1, Math.floor((scroller?.clientHeight ?? 0) / (side + BELOW)));
    const to = step(placeOf(button) ?? 0, event.key, columns, count, rtl, page);
    if (to === null) return;
    event.preventDefault();
    aim.current = to;
    setFocused(to); // so that its row is in the page, wherever it is
    rows.scrollToIndex(Math.floor(to / columns), { align: "auto" });
  }
  useEffect(() => { // it may have to be read first
    if (aim.current === null) return;
    const button = list.current?.querySelector<HTMLElement>(`[data-place="${aim.current}"] .picture-look`);
    if (!button) return;
    aim.current = null;
    button.focus();
  });

  return (
    <div
      ref={useMergedRef(list, sized)}
      className="pictures"
      role="list"
      aria-label={t("ui.dataset.pictures", { count })}
      style={{ blockSize: rows.getTotalSize() }}
      onKeyDown={press}
      onFocus={(event: FocusEvent<HTMLElement>) => setFocused(placeOf(event.target))}
      onBlur={(event: FocusEvent<HTMLElement>) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(null);
      }}
    >
      {rows.getVirtualItems().map((row) => (
        <div
          key={row.index}
          ref={rows.measureElement}
          data-index={row.index}
          className="pictures-row"
          role="presentation"
          style={{ transform: `translateY(${row.start - margin}px)`, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
        >
          {Array.from({ length: Math.max(0, Math.min(columns, count - row.index * columns)) }, (_, column) => {
            const place = row.index * columns + column;
            const image = at(pictures, place);
            return image
              ? <PictureCard key={image.id} dataset={dataset} image={image} place={place} count={count} onLook={() => onLook(image.id)} />
              : <div key={column} className="picture picture-waiting" role="listitem" aria-busy="true" style={{ blockSize: side + BELOW }} />;
          })}
        </div>
      ))}
    </div>
  );
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
