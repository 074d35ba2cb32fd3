import { useElementSize } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode, type Ref } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect, useTools } from "../state/store";
import { galleryActions } from "./actions";
import { holds } from "./band";
import { Cell, type CellWords, type Hand } from "./Cell";
import { step } from "./steps";
import { at, total } from "./stretches";
import { useBand, type Held } from "./useBand";
import { useHurry } from "./useHurry";
import { show } from "./view";

const GAP = 8;
const NOBODY: ReadonlySet<string> = new Set();
const EVERY = 100; // milliseconds between two looks at what is to be fetched

/** What the page asks of the grid. */
export type Moves = { to: (place: number, focus: boolean) => void };
/** What keys do with the picture that has the focus, or with those that are selected. */
export type Verb = "star" | "trash" | "board" | "compare";

type Props = { covered: boolean; cell: number; moves: Ref<Moves>; onVerb: (verb: Verb, ids: string[]) => void };

const VERBS: Record<string, Verb> = { s: "star", Delete: "trash", Backspace: "trash", b: "board", c: "compare" };

/** The pictures in rows; only those in sight are in the page. */
export function Grid({ covered, cell, moves, onVerb }: Props): ReactNode {
  const { t } = useTranslation();
  const { get } = useTools();
  const { look, top, select, toggle, selectRange, selectAll, selectCells } = useFeature(galleryActions);
  const stretches = useSelect((state) => state.gallery.stretches);
  const selected = useSelect((state) => state.gallery.selected);
  const waiting = useSelect(({ gallery: { state, stretches: all } }) =>
    all.length === 0 && (state === "idle" || state === "loading"));
  const [focus, setFocus] = useState(0);
  const anchor = useRef<number | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { ref, width } = useElementSize();
  const columns = Math.max(2, Math.floor((width + GAP) / (cell + GAP)));
  const side = width > 0 ? (width - GAP * (columns - 1)) / columns : cell;
  const count = waiting ? columns * 3 : total(stretches);
  const rows = useVirtualizer({
    count: Math.ceil(count / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => side + GAP,
    overscan: 3,
    useFlushSync: false,
  });
  const hurried = useHurry(scroller);
  const { measure } = rows;
  useEffect(() => measure(), [measure, side]);
  const shown = rows.getVirtualItems();
  const first = (shown[0]?.index ?? 0) * columns;
  const last = ((shown[shown.length - 1]?.index ?? 0) + 1) * columns - 1;
  const above = (rows.scrollOffset ?? 0) > side;
  const looked = useRef(0);
  useEffect(() => {
    const ahead = last - first + 1;
    const timer = window.setTimeout(() => {
      looked.current = performance.now();
      look(first - ahead, last + ahead);
    }, Math.max(0, EVERY - (performance.now() - looked.current)));
    return () => window.clearTimeout(timer);
  }, [first, last, stretches, look]);
  useEffect(() => top(!above), [above, top]);

  const keep = useCallback(({ cells, adds }: Held) => selectCells(cells, columns, adds), [selectCells, columns]);
  const { band, held, begin } = useBand({ scroller, side, gap: GAP, columns, count: waiting ? 0 : count }, keep);
  const marked = held && !held.adds ? NOBODY : selected;

  const goTo = useCallback((place: number, take: boolean) => {
    rows.scrollToIndex(Math.floor(place / columns));
    setFocus(place);
    if (take) requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus();
    });
  }, [rows, columns]);
  useImperativeHandle(moves, () => ({ to: goTo }), [goTo]);

  const words: CellWords = useMemo(
    () => ({ picture: t("ui.picture"), select: t("ui.gallery.select"), starred: t("ui.starred") }), [t]);
  const hand: Hand = useMemo(() => ({
    press: (place, id, event: MouseEvent) => {
      const chosen = get().gallery.selected;
      if (event.shiftKey) {
        selectRange(anchor.current ?? place, place, chosen);
      } else if (event.ctrlKey || event.metaKey || chosen.size > 0) {
        anchor.current = place;
        toggle(id);
      } else {
        show("gallery", id);
      }
      setFocus(place);
    },
    mark: (place, id) => {
      anchor.current = place;
      setFocus(place);
      toggle(id);
    },
    focus: setFocus,
    carry: (id) => {
      const chosen = get().gallery.selected;
      return chosen.has(id) ? [...chosen] : [id];
    },
  }), [get, selectRange, toggle]);

  function press(event: KeyboardEvent): void {
    const cellOf = event.target instanceof HTMLElement ? event.target.dataset.place : undefined;
    if (cellOf === undefined || covered || event.altKey) return;
    const place = Number(cellOf);
    const id = at(stretches, place)?.id;
    const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
    const ids = selected.size > 0 ? [...selected] : id === undefined ? [] : [id];
    const verb = event.ctrlKey || event.metaKey ? undefined : VERBS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const to = step(place, event.key, columns, count, rtl, Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / (side + GAP))));
    if (to !== null && !event.ctrlKey) {
      if (event.shiftKey) {
        anchor.current ??= place;
        selectRange(anchor.current, to);
      } else {
        anchor.current = to;
      }
      goTo(to, true);
    } else if (event.key === " " && id !== undefined) {
      anchor.current = place;
      toggle(id);
    } else if (event.key === "Enter" && id !== undefined) {
      show("gallery", id);
    } else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) {
      selectAll();
    } else if (event.key === "Escape" && selected.size > 0) {
      select([]);
    } else if (verb && ids.length > 0) {
      onVerb(verb, ids);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className="grid-frame">
      <div className="grid-scroll" ref={scroller} aria-busy={waiting} tabIndex={-1} onPointerDown={begin}>
        <div ref={ref} className="grid" role="list" aria-label={t("ui.nav.gallery")} data-choosing={selected.size > 0 || held !== null || undefined} style={{ blockSize: rows.getTotalSize() }} onKeyDown={press}>
          {shown.map((row) => (
            <div key={row.index} className="grid-row" role="presentation" style={{ transform: `translateY(${row.start}px)`, gridTemplateColumns: `repeat(${columns}, 1fr)`, blockSize: side }}>
              {Array.from({ length: Math.max(0, Math.min(columns, count - row.index * columns)) }, (_, column) => {
                const place = row.index * columns + column;
                const image = at(stretches, place);
                return <Cell key={column} image={image} hurried={hurried} place={place} hand={hand} words={words} current={place === focus} selected={image !== undefined && (marked.has(image.id) || holds(held?.cells ?? null, place, columns))} />;
              })}
            </div>
          ))}
          <div ref={band} className="band" hidden role="presentation" />
        </div>
      </div>
      <Day place={Math.floor((rows.scrollOffset ?? 0) / (side + GAP)) * columns} moving={rows.isScrolling} />
    </div>
  );
}

/** Say beside the scroll bar which day is in view, while it moves. */
function Day({ place, moving }: { place: number; moving: boolean }): ReactNode {
  const format = useFormat();
  const made = useSelect(({ gallery: { stretches } }) => dayOf(stretches, place));
  if (place === 0 || made === null) return null;
  return <div className="grid-day" data-moving={moving || undefined} aria-hidden="true">{format.day(made)}</div>;
}

function dayOf(stretches: Parameters<typeof at>[0], place: number): string | null {
  const held = at(stretches, place);
  if (held) return held.created;
  let begin = 0;
  for (const { at: made, count } of stretches) {
    if (place < begin + count) return made;
    begin += count;
  }
  return null;
}
