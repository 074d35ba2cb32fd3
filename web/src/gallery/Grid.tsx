import { useElementSize } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { go } from "../app/route";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { step } from "./steps";

const WANTED = 176; // pixels of a cell
const GAP = 8;
const AHEAD = 3; // rows from the end at which the next page is fetched

/** The pictures in rows; only those in sight are in the page. */
export function Grid({ covered }: { covered: boolean }): ReactNode {
  const { t } = useTranslation();
  const { loadGallery } = useActions();
  const ids = useSelect((state) => state.gallery.ids);
  const state = useSelect((all) => all.gallery.state);
  const more = useSelect((all) => all.gallery.next !== null);
  const scroller = useRef<HTMLDivElement>(null);
  const { ref, width } = useElementSize();
  const columns = Math.max(2, Math.floor((width + GAP) / (WANTED + GAP)));
  const side = width > 0 ? (width - GAP * (columns - 1)) / columns : WANTED;
  const waiting = state !== "ready" && ids.length === 0;
  const count = waiting ? columns * 3 : ids.length;
  const rows = useVirtualizer({
    count: Math.ceil(count / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => side + GAP,
    overscan: 2,
  });
  const { measure } = rows;
  useEffect(() => measure(), [measure, side]);
  const shown = rows.getVirtualItems();
  const last = shown[shown.length - 1]?.index ?? 0;
  const near = more && state === "ready" && last >= Math.ceil(ids.length / columns) - AHEAD;
  useEffect(() => {
    if (near) loadGallery(false);
  }, [near, loadGallery]);

  function move(event: KeyboardEvent): void {
    const cell = event.target instanceof HTMLElement ? event.target.dataset.place : undefined;
    if (cell === undefined || covered) return;
    const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
    const to = step(Number(cell), event.key, columns, ids.length, rtl);
    if (to === null) return;
    event.preventDefault();
    rows.scrollToIndex(Math.floor(to / columns));
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-place="${to}"]`)?.focus();
    });
  }

  return (
    <div className="grid-scroll" ref={scroller} aria-busy={waiting}>
      <div
        ref={ref}
        className="grid"
        role="list"
        aria-label={t("ui.nav.gallery")}
        style={{ blockSize: rows.getTotalSize() }}
        onKeyDown={move}
      >
        {shown.map((row) => (
          <div
            key={row.key}
            className="grid-row"
            role="presentation"
            style={{
              transform: `translateY(${row.start}px)`,
              gridTemplateColumns: `repeat(${columns}, 1fr)`,
              blockSize: side,
            }}
          >
            {Array.from({ length: Math.min(columns, count - row.index * columns) }, (_, column) => {
              const place = row.index * columns + column;
              return <Cell key={ids[place] ?? place} id={ids[place]} place={place} />;
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

function Cell({ id, place }: { id: string | undefined; place: number }): ReactNode {
  const { t } = useTranslation();
  const image = useSelect((state) => (id === undefined ? undefined : state.images[id]));
  if (!image) return <div className="cell" />;
  return (
    <div className="cell" role="listitem">
      <a
        href={`#/gallery/${image.id}`}
        data-place={place}
        aria-label={image.prompt ?? t("ui.picture")}
        onClick={(event) => {
          event.preventDefault();
          go("gallery", image.id);
        }}
      >
        <img src={image.thumbnail_url} alt="" loading="lazy" decoding="async" draggable={false} />
      </a>
      {image.starred && (
        <span className="cell-star" title={t("ui.starred")}>
          <Icon name="star" filled />
        </span>
      )}
    </div>
  );
}
