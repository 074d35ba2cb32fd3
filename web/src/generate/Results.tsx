import { defaultRangeExtractor, useVirtualizer, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import type { Group } from "../state/model";
import { useActions, useSelect } from "../state/store";
import { FIELDS, type Field } from "./axes";
import { columnsIn, createLayouts, GAP, HEAD } from "./layout";
import { TileView } from "./TileView";
import { useScroller } from "./useScroller";

const EXAMPLES = ["ui.example.1", "ui.example.2", "ui.example.3"] as const;

/** What was asked for, newest first; each picture stays where its first preview was. */
export function Results({ covered }: { covered: boolean }): ReactNode {
  const none = useSelect((state) => state.groups.length === 0);
  const loaded = useSelect((state) => state.loaded);
  if (none) return loaded ? <Empty /> : <div className="results-scroll" aria-busy="true" />;
  return (
    <div className="results-scroll">
      <Tiles covered={covered} />
    </div>
  );
}

/** The tiles in rows; only those in sight are in the page, and the one that has the focus with its neighbours. */
function Tiles({ covered }: { covered: boolean }): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  const [layouts] = useState(createLayouts);
  const { element, margin, width } = useScroller(list);
  const { columns, side } = columnsIn(width);
  const { rows, count } = useSelect((state) => layouts(state, columns, side));
  const [focused, setFocused] = useState<string | null>(null); // a job, or the key of a head
  const [below, setBelow] = useState(false); // somebody looks further down than the newest
  const place = focused === null ? -1 : rows.findIndex(
    ({ key, cells }) => key === focused || cells.some(({ job }) => job === focused));
  const { getVirtualItems, getTotalSize } = useVirtualizer({
    count: width === 0 ? 0 : rows.length,
    getScrollElement: () => element,
    estimateSize: useCallback((index: number) => (rows[index]?.height ?? 0), [rows]),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    rangeExtractor: useCallback((range: Range) => withNear(defaultRangeExtractor(range), place, range.count), [place]),
    scrollMargin: margin,
    gap: GAP,
    overscan: 2,
    anchorTo: below ? "end" : "start", // what is looked at stays where it is, whatever comes above it
    onChange: ({ scrollOffset }) => setBelow((scrollOffset ?? 0) > margin + GAP),
    useFlushSync: false,
  });
  useEffect(() => {
    if (covered || focused === null || document.activeElement !== document.body) return;
    const tile = list.current?.querySelector(`[data-job="${CSS.escape(focused)}"]`);
    tile?.querySelector("a")?.focus({ preventScroll: true }); // a picture that lay on top was closed
  }, [covered, focused]);
  return (
    <div
      ref={list}
      role="list"
      className="tiles"
      style={{ blockSize: getTotalSize() }}
      onFocus={(event) => setFocused(event.target.closest<HTMLElement>("[data-job]")?.dataset.job ?? null)}
    >
      {getVirtualItems().flatMap(({ index, start }) => {
        const row = rows[index];
        if (!row) return [];
        if (row.head) return <GridHead key={row.key} group={row.head} top={start - margin} />;
        return row.cells.map(({ job, batch, height }, column) => (
          <TileView
            key={job}
            job={job}
            batch={batch}
            left={column * (side + GAP)}
            top={start - margin}
            width={side}
            height={height}
            place={row.first + column + 1}
            count={count}
          />
        ));
      })}
    </div>
  );
}

/** Add a row and its neighbours to those in sight, so that the focus stays, and goes on from where it was. */
function withNear(shown: number[], place: number, count: number): number[] {
  if (place < 0) return shown;
  const near = [place - 1, place, place + 1].filter((index) => index >= 0 && index < count);
  return [...new Set([...shown, ...near])].sort((one, other) => one - other);
}

/** Above the pictures of a grid: what it varies, and the way to its table. */
function GridHead({ group, top }: { group: Group; top: number }): ReactNode {
  const { t } = useTranslation();
  const axes = group.axes.map((name) => (name in FIELDS ? t(`ui.field.${name as Field}`) : name));
  return (
    <p className="grid-head" role="listitem" data-job={`head ${group.id}`} style={{ insetBlockStart: top, blockSize: HEAD }}>
      <span dir="auto">{group.axes.join() === "prompt" ? t("ui.grid.each_prompt") : t("ui.grid.of", { axes: axes.join(" × ") })}</span>
      <a href={hashOf("gallery", "batch", group.id)}>{t("ui.grid.table")}</a>
    </p>
  );
}

/** The first visit: three prompts to click. */
export function Empty(): ReactNode {
  const { t } = useTranslation();
  const { draft: change, generate } = useActions();
  return (
    <div className="results-scroll empty">
      <h1>{t("ui.empty.title")}</h1>
      <p>{t("ui.empty.text")}</p>
      <ul className="examples">
        {EXAMPLES.map((key) => (
          <li key={key}>
            <button
              type="button"
              dir="ltr"
              lang="en"
              onClick={() => {
                change({ prompt: t(key) });
                generate();
              }}
            >
              {t(key)}
            </button>
          </li>
        ))}
      </ul>
      <p className="quiet">{t("ui.empty.keys")}</p>
    </div>
  );
}
