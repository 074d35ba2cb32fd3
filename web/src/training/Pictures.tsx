import { useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useTiles } from "../gallery/useTiles";
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
  const list = useRef<HTMLDivElement>(null);
  const { scroller, margin } = useAround(list);
  const count = length(pictures, counted);
  const { ref, rows, columns, side, first, last, keys } = useTiles({
    list, target: ".picture-look", scroller, margin, count, gap: GAP, below: BELOW,
    least: (width) => (width < PHONE ? NARROW : WIDE),
  });
  useEffect(() => {
    const ahead = Math.max(0, last - first + 1);
    look(dataset, Math.max(0, first - ahead), Math.min(count - 1, last + ahead));
  }, [look, dataset, first, last, count, pictures]);

  return (
    <div
      ref={ref}
      className="pictures"
      role="list"
      aria-label={t("ui.dataset.pictures", { count })}
      style={{ blockSize: rows.getTotalSize() }}
      {...keys}
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
