import "./picker.css";
import { Button, TextInput } from "@mantine/core";
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { Icon } from "../ui/icons";
import { at, total } from "./stretches";
import { useFollowed, useReel, type Reading } from "./useReel";
import { useTiles } from "./useTiles";

const PAUSE = 200; // milliseconds of typing before a search is sent
const GAP = 8;
const [WIDE, NARROW] = [112, 88]; // pixels: the least of a picture, on a desk and on a phone
const PHONE = 420;
const WAITING = 3; // rows that are shown before anything is known

type Props = {
  model?: string | null; // whose pictures alone
  chosen?: ReadonlySet<string>; // ids; without them a picture is picked at once
  onPick: (id: string) => void;
};

/** All pictures of the gallery to pick from, newest first, with words to search for. */
export function Picker({ model = null, chosen, onPick }: Props): ReactNode {
  const { t } = useTranslation();
  const [q, setQ] = useState("");
  const frame = useRef<HTMLDivElement>(null);
  const reading = useReel({ q, model });
  return (
    <div className="picker" ref={frame}>
      <div className="picker-head">
        <Search
          onWords={setQ}
          onDown={() => frame.current?.querySelector<HTMLElement>(".picker-tile[tabindex='0']")?.focus()}
        />
        <Count reading={reading} />
      </div>
      <Wall reading={reading} chosen={chosen} onPick={onPick}>
        {reading.reel.next === null && total(reading.reel.stretches) === 0 && (
          <p className="quiet">{t(q === "" ? "ui.picture.none" : "ui.picture.no_match")}</p>
        )}
        {reading.failed && (
          <p className="picker-failed">
            {t("ui.picture.failed")} <Button size="compact-sm" variant="default" onClick={reading.again}>{t("ui.retry")}</Button>
          </p>
        )}
      </Wall>
    </div>
  );
}

function Search({ onWords, onDown }: { onWords: (q: string) => void; onDown: () => void }): ReactNode {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const first = matchMedia("(pointer: fine)").matches; // a finger would get a keyboard over the pictures
  return (
    <TextInput
      className="grow"
      type="search"
      autoFocus={first} // where it comes into a dialog that is open
      data-autofocus={first || undefined} // and with one that opens
      aria-label={t("ui.search")}
      placeholder={t("ui.search_hint")}
      leftSection={<Icon name="search" />}
      maxLength={500}
      dir="auto"
      value={typed}
      onChange={({ currentTarget: { value } }) => {
        setTyped(value);
        window.clearTimeout(timer.current);
        timer.current = window.setTimeout(() => onWords(value.trim()), PAUSE);
      }}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== "ArrowDown") return;
        event.preventDefault();
        onDown();
      }}
    />
  );
}

/** How many are known of; not every one is, before the end was in sight. */
function Count({ reading: { reel: { stretches, next }, busy } }: { reading: Reading }): ReactNode {
  const { t } = useTranslation();
  const count = total(stretches);
  const number = useFormat().number(count);
  return (
    <output className="picker-count" aria-label={t("ui.gallery.count", { count, number })}>
      {busy ? "" : next === null ? number : `${number}+`}
    </output>
  );
}

type WallProps = { reading: Reading; chosen: ReadonlySet<string> | undefined; onPick: (id: string) => void; children: ReactNode };

/** The pictures in rows; only those in sight are in the page. */
function Wall({ reading: { reel, of, busy, failed, follow }, chosen, onPick, children }: WallProps): ReactNode {
  const { t } = useTranslation();
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const known = total(reel.stretches);
  const waiting = failed || reel.next === null ? 0 : known === 0 ? WAITING : 1;
  const { ref, rows, columns, side, places, first, last, focused, keys } = useTiles({
    list, target: ".picker-tile", scroller, count: known, waiting, gap: GAP,
    least: (width) => (width < PHONE ? NARROW : WIDE),
  });
  useFollowed(follow, first, last + Math.max(0, last - first + 1));
  useLayoutEffect(() => { // what was found is read from its beginning
    scroller?.scrollTo(0, 0);
  }, [scroller, of]);
  const current = focused ?? first; // Tab leads to what is in sight
  return (
    <div className="picker-frame" ref={setScroller} tabIndex={-1}>
      <div
        ref={ref}
        className="picker-list"
        role="list"
        aria-label={t("ui.nav.gallery")}
        aria-busy={busy}
        style={{ blockSize: rows.getTotalSize() }}
        {...keys}
      >
        {rows.getVirtualItems().map((row) => (
          <div
            key={row.index}
            className="picker-row"
            role="presentation"
            style={{ transform: `translateY(${row.start}px)`, gridTemplateColumns: `repeat(${columns}, 1fr)`, blockSize: side }}
          >
            {Array.from({ length: Math.max(0, Math.min(columns, places - row.index * columns)) }, (_, column) => {
              const place = row.index * columns + column;
              const image = at(reel.stretches, place);
              if (!image) return <div key={column} className="picker-waiting" role="presentation" />;
              return (
                <div key={image.id} role="listitem" aria-posinset={place + 1} aria-setsize={reel.next === null ? known : -1} data-place={place}>
                  <Tile image={image} current={place === current} pressed={chosen?.has(image.id)} onPick={onPick} />
                </div>
              );
            })}
          </div>
        ))}
      </div>
      {children}
    </div>
  );
}

type TileProps = { image: Image; current: boolean; pressed: boolean | undefined; onPick: (id: string) => void };

function Tile({ image, current, pressed, onPick }: TileProps): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { id, prompt, width, height, created } = image;
  return (
    <button
      type="button"
      className="picker-tile"
      tabIndex={current ? 0 : -1}
      aria-pressed={pressed}
      aria-label={prompt || t("ui.picture.unnamed", { width, height, when: format.when(created) })}
      title={prompt || undefined}
      onClick={() => onPick(id)}
    >
      <img src={image.thumbnail_url} alt="" decoding="async" draggable={false} />
      {pressed && <Icon name="check" />}
    </button>
  );
}
