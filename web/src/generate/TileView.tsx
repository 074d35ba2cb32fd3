import { Button } from "@mantine/core";
import type { TFunction } from "i18next";
import { memo, useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import { go } from "../app/route";
import { useFormat } from "../i18n/format";
import { ended, type Tile } from "../state/model";
import { reasonOf } from "../state/reason";
import { useActions, useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { Icon } from "../ui/icons";
import { smallIsEnough } from "./sizes";

const FADE = 200; // milliseconds; the preview lies under the picture until then

type Props = {
  job: string;
  batch: string;
  left: number; // pixels from the list's own beginning
  top: number;
  width: number;
  height: number;
  place: number; // of how many tiles, for who does not see them
  count: number;
};

/** One job: its place in the queue, then its previews, then its picture, all in one frame. */
export const TileView = memo(function TileView({ job, batch, left, top, width, height, place, count }: Props): ReactNode {
  const { t } = useTranslation();
  const tile = useSelect((state) => tileOf(state, job, batch));
  const frame = useRef<HTMLElement>(null);
  if (!tile) return null;
  const image = tile.images[0];
  return (
    <figure
      ref={frame}
      className="tile"
      role="listitem"
      aria-posinset={place}
      aria-setsize={count}
      tabIndex={-1}
      data-status={tile.status}
      data-job={job}
      style={{ insetInlineStart: left, insetBlockStart: top, inlineSize: width, blockSize: height }}
    >
      {tile.preview && <img className="tile-preview" src={tile.preview} alt="" />}
      {image !== undefined && <Final t={t} tile={tile} image={image} side={Math.max(width, height)} />}
      {!ended(tile.status) && <Live t={t} tile={tile} frame={frame} />}
      {image !== undefined && tile.cut && (
        <figcaption className="tile-note">{t("degraded.prompt_cut")}</figcaption>
      )}
      {(tile.status === "failed" || tile.status === "quarantined" || tile.status === "canceled") && (
        <Stopped t={t} tile={tile} />
      )}
    </figure>
  );
});

type Part = { t: TFunction; tile: Tile };

/** The picture; of one that is much larger than its tile the small copy, until a hand is on it. */
function Final({ t, tile: { id: job, picture }, image, side }: Part & { image: string; side: number }): ReactNode {
  const { shown } = useActions();
  const [ready, setReady] = useState(false);
  const [touched, setTouched] = useState(false); // it may be dragged or saved: then it is the file
  const known = picture?.id === image ? picture : null;
  const small = !touched && known !== null && smallIsEnough(known, side * window.devicePixelRatio);
  return (
    <a
      className="tile-final"
      href={`#/generate/${image}`}
      data-ready={ready}
      onPointerEnter={() => setTouched(true)}
      onClick={(event) => {
        event.preventDefault();
        go("generate", image);
      }}
    >
      <img
        ref={(element) => {
          if (element?.complete && element.naturalWidth > 0) setReady(true); // it was here before
        }}
        src={`/api/v1/images/${image}/${small ? "thumbnail" : "file"}`}
        alt={known?.words ?? t("ui.picture")}
        decoding="async"
        onLoad={() => {
          setReady(true);
          window.setTimeout(() => shown(job), FADE);
        }}
      />
    </a>
  );
}

/** How far it is, and the way to stop it; a focus that was here goes to the tile once the job has ended. */
function Live({ t, tile, frame }: Part & { frame: RefObject<HTMLElement | null> }): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const [own, tileFrame] = [button.current, frame.current];
    return () => {
      if (own !== null && own === document.activeElement) tileFrame?.focus({ preventScroll: true });
    };
  }, [frame]);
  const { cancel } = useActions();
  const format = useFormat();
  const running = tile.status === "running";
  const drawing = tile.phase === "step" && tile.steps > 0;
  const share = drawing ? tile.step / tile.steps : tile.preview ? 1 : 0; // before, or after
  const step = drawing
    ? t("ui.step_of", { step: format.number(tile.step), steps: format.number(tile.steps) })
    : t(`ui.phase.${tile.phase || "start"}`, t("ui.phase.node"));
  return (
    <>
      <button
        ref={button}
        type="button"
        className="tile-cancel"
        aria-label={t("ui.cancel")}
        title={t("ui.cancel")}
        onClick={() => cancel(tile.id)}
      >
        <Icon name="close" />
      </button>
      <figcaption className="tile-state">
        <span>{running ? step : t("ui.waiting")}</span>
        <span>{running && tile.eta !== null ? format.seconds(tile.eta) : ""}</span>
      </figcaption>
      <div
        className="tile-progress"
        role="progressbar"
        aria-label={t("ui.progress")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
      >
        <div style={{ inlineSize: `${share * 100}%` }} />
      </div>
    </>
  );
}

function Stopped({ t, tile }: Part): ReactNode {
  const { retry } = useActions();
  const known = reasonOf(t, tile.error);
  return (
    <figcaption className="tile-stopped">
      <strong>{t(`ui.status.${tile.status}`)}</strong>
      {known && <span>{known}</span>}
      <Button size="compact-sm" variant="default" leftSection={<Icon name="again" />} onClick={() => retry(tile.id)}>
        {t("ui.retry")}
      </Button>
    </figcaption>
  );
}
