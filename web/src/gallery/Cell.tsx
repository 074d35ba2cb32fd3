import { memo, useState, type MouseEvent, type ReactNode } from "react";
import type { Image } from "../api/wire.gen";
import { keeping } from "../app/route";
import { Icon } from "../ui/icons";
import { drag } from "./view";

/** What a cell tells the grid. */
export type Hand = {
  press: (place: number, id: string, event: MouseEvent) => void;
  mark: (place: number, id: string) => void;
  focus: (place: number) => void;
  carry: (id: string) => string[];
};

/** The words of every cell, looked up once for all of them. */
export type CellWords = { picture: string; select: string; starred: string };

type Props = {
  image: Image | undefined;
  place: number;
  hand: Hand;
  words: CellWords;
  current: boolean;
  selected: boolean;
  hurried: boolean; // it passes too fast to be seen: what is not there yet need not come
};

/** One place of the grid. It stays while its picture comes, goes or changes, and keeps the focus. */
export const Cell = memo(function Cell({ image, place, hand, words, current, selected, hurried }: Props): ReactNode {
  const [wanted, setWanted] = useState(hurried ? undefined : image?.id); // it was asked for
  if (image && !hurried && wanted !== image.id) setWanted(image.id);
  return (
    <div className="cell" role={image ? "listitem" : undefined} data-selected={selected || undefined}>
      <a
        {...(image ? { href: keeping("gallery", image.id) } : {})}
        data-place={place}
        tabIndex={current ? 0 : -1}
        aria-label={image ? image.prompt || words.picture : undefined}
        title={image?.prompt ?? undefined}
        draggable={image !== undefined}
        onFocus={() => hand.focus(place)}
        onDragStart={(event) => image && drag(event.dataTransfer, hand.carry(image.id))}
        onClick={(event) => {
          event.preventDefault();
          if (image) hand.press(place, image.id, event);
        }}
      >
        {image && image.id === wanted && <img key={image.id} src={image.thumbnail_url} alt="" decoding="async" draggable={false} />}
      </a>
      {image && (
        <button
          type="button"
          className="cell-mark"
          role="checkbox"
          tabIndex={-1}
          aria-checked={selected}
          aria-label={words.select}
          onClick={(event) => {
            if (event.shiftKey) hand.press(place, image.id, event);
            else hand.mark(place, image.id);
          }}
        >
          <Icon name="check" />
        </button>
      )}
      {image?.starred && (
        <span className="cell-star" title={words.starred}>
          <Icon name="star" filled />
        </span>
      )}
    </div>
  );
});
