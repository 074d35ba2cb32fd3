import { defaultRangeExtractor, useVirtualizer, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { beside, MOVES, type Place, type Row, type Timeline } from "./timeline";

const CELL = 96; // pixels
const GAP = 4;
const HEAD = 24; // of the line of steps
const NAME = 128; // of what a row is; narrower on a phone by a token of the style
const EARLY = 8; // columns before the oldest that is held, where older ones are asked for

type Props = { timeline: Timeline; onLarge: (place: Place) => void; onOldest: (() => void) | null };

/** Samples as a table, a column for each step: those in sight are in the page, and the one that the keyboard is at. */
export function Steps({ timeline: { steps, rows }, onLarge, onOldest }: Props): ReactNode {
  const { t } = useTranslation();
  const [at, setAt] = useState<Place | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const place = at && rows[at.row]?.at[at.step] ? at : newest(steps, rows);
  const column = place ? steps.indexOf(place.step) : -1;
  const lines = useVirtualizer({
    count: rows.length, getScrollElement: () => box.current, estimateSize: () => CELL, gap: GAP,
    paddingStart: HEAD, overscan: 1, useFlushSync: false,
    getItemKey: (line) => rows[line]?.key ?? line,
    rangeExtractor: useWith(place?.row ?? -1),
  });
  const columns = useVirtualizer({
    horizontal: true,
    count: steps.length, getScrollElement: () => box.current, estimateSize: () => CELL, gap: GAP,
    paddingStart: NAME, scrollPaddingStart: NAME, overscan: 2, useFlushSync: false,
    getItemKey: (number) => steps[number] ?? number,
    rangeExtractor: useWith(column),
  });
  useKeptInSight(box, steps);
  const early = onOldest !== null && (columns.range?.startIndex ?? EARLY) < EARLY;
  useEffect(() => {
    if (early) onOldest();
  }, [early, onOldest, steps]);

  function press(event: KeyboardEvent<HTMLElement>): void {
    const move = MOVES[event.key];
    if (!move || !place || !(event.target instanceof HTMLElement) || !event.target.closest(".sample")) return;
    event.preventDefault();
    const to = beside({ steps, rows }, place.row, place.step, move);
    if (!to) return;
    setAt(to);
    columns.scrollToIndex(steps.indexOf(to.step));
    lines.scrollToIndex(to.row);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-sample="${to.row} ${to.step}"]`)?.focus());
  }

  return (
    <div
      ref={box}
      className="timeline"
      dir="ltr"
      role="table"
      aria-label={t("ui.training.samples")}
      aria-rowcount={rows.length + 1}
      aria-colcount={steps.length + 1}
      onKeyDown={press}
    >
      <div role="rowgroup" className="timeline-all" style={{ inlineSize: columns.getTotalSize(), blockSize: lines.getTotalSize() }}>
        <div role="row" aria-rowindex={1} className="timeline-head" style={{ blockSize: HEAD }}>
          <span role="columnheader" aria-colindex={1} className="timeline-name"><span className="hidden">{t("ui.prompt")}</span></span>
          {columns.getVirtualItems().map(({ index, start }) => (
            <span key={index} role="columnheader" aria-colindex={index + 2} className="timeline-step" style={{ insetInlineStart: start, inlineSize: CELL }}>
              {steps[index]}
            </span>
          ))}
        </div>
        {lines.getVirtualItems().map((line) => {
          const row = rows[line.index];
          return row && (
            <div key={row.key} role="row" aria-rowindex={line.index + 2} className="timeline-row" data-role={row.role} style={{ insetBlockStart: line.start, blockSize: CELL }}>
              <div role="rowheader" aria-colindex={1} className="timeline-name">
                <span>{t(`ui.training.role.${row.role}`)}</span>
                <small className="quiet" dir="auto" title={row.prompt}>{row.prompt}</small>
              </div>
              {columns.getVirtualItems().map(({ index, start }) => {
                const step = steps[index] ?? 0;
                const image = row.at[step];
                return (
                  <div key={step} role="cell" aria-colindex={index + 2} className="timeline-cell" style={{ insetInlineStart: start, inlineSize: CELL }}>
                    {image && (
                      <button
                        type="button"
                        className="sample"
                        data-sample={`${line.index} ${step}`}
                        tabIndex={place?.row === line.index && place.step === step ? 0 : -1}
                        aria-label={t("ui.training.sample_at", { prompt: row.prompt, step })}
                        onFocus={() => setAt({ row: line.index, step })}
                        onClick={() => onLarge({ row: line.index, step })}
                      >
                        <img src={`/api/v1/images/${image}/thumbnail`} alt="" loading="lazy" />
                      </button>
                    )}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Where Tab comes in: the newest picture of the first row. */
function newest(steps: readonly number[], rows: readonly Row[]): Place | null {
  const step = steps.findLast((one) => rows[0]?.at[one] !== undefined);
  return step === undefined ? null : { row: 0, step };
}

function useWith(place: number): (range: Range) => number[] {
  return useCallback((range: Range) => {
    const shown = defaultRangeExtractor(range);
    return place < 0 || place >= range.count || shown.includes(place) ? shown : [...shown, place].sort((one, two) => one - two);
  }, [place]);
}

/** The newest step stays in sight for who has not scrolled away from it; for the others what they look at, while older ones come in before it. */
function useKeptInSight(box: { current: HTMLDivElement | null }, steps: readonly number[]): void {
  const before = useRef<{ oldest: number | undefined; width: number }>({ oldest: undefined, width: 0 });
  useLayoutEffect(() => {
    const scroller = box.current;
    if (!scroller) return;
    const { oldest, width } = before.current;
    const added = oldest === undefined ? 0 : Math.max(0, steps.indexOf(oldest));
    if (width === 0 || width - scroller.scrollLeft - scroller.clientWidth < 4 * CELL) scroller.scrollTo({ left: scroller.scrollWidth });
    else if (added > 0) scroller.scrollBy({ left: added * (CELL + GAP) });
    before.current = { oldest: steps[0], width: scroller.scrollWidth };
  }, [box, steps]);
}
