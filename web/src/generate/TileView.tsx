import { ActionIcon, Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { go } from "../app/route";
import { useFormat } from "../i18n/format";
import { ended, type Tile } from "../state/model";
import { reasonOf } from "../state/reason";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";

const FADE = 200; // milliseconds; the preview lies under the picture until then

type Props = { job: string; width: number; height: number };

/** One job: its place in the queue, then its previews, then its picture, all in one frame. */
export function TileView({ job, width, height }: Props): ReactNode {
  const { t } = useTranslation();
  const tile = useSelect((state) => state.tiles[job]);
  const made = useSelect((state) => state.images[state.tiles[job]?.images[0] ?? ""]);
  if (!tile || (tile.status === "succeeded" && tile.images.length === 0)) return null;
  const image = tile.images[0];
  return (
    <figure className="tile" data-status={tile.status} style={{ aspectRatio: `${made?.width ?? width} / ${made?.height ?? height}` }}>
      {tile.preview && <img className="tile-preview" src={tile.preview} alt="" />}
      {image !== undefined && <Final job={job} image={image} />}
      {!ended(tile.status) && <Live tile={tile} />}
      {image !== undefined && tile.cut && (
        <figcaption className="tile-note">{t("degraded.prompt_cut")}</figcaption>
      )}
      {(tile.status === "failed" || tile.status === "quarantined" || tile.status === "canceled") && (
        <Stopped tile={tile} />
      )}
    </figure>
  );
}

function Final({ job, image }: { job: string; image: string }): ReactNode {
  const { t } = useTranslation();
  const { shown } = useActions();
  const prompt = useSelect((state) => state.images[image]?.prompt ?? null);
  const [ready, setReady] = useState(false);
  return (
    <a className="tile-final" href={`#/generate/${image}`} data-ready={ready} onClick={(event) => {
      event.preventDefault();
      go("generate", image);
    }}>
      <img
        src={`/api/v1/images/${image}/file`}
        alt={prompt ?? t("ui.picture")}
        loading="lazy"
        decoding="async"
        onLoad={() => {
          setReady(true);
          window.setTimeout(() => shown(job), FADE);
        }}
      />
    </a>
  );
}

function Live({ tile }: { tile: Tile }): ReactNode {
  const { t } = useTranslation();
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
      <ActionIcon
        className="tile-cancel"
        variant="default"
        size="md"
        aria-label={t("ui.cancel")}
        title={t("ui.cancel")}
        onClick={() => cancel(tile.id)}
      >
        <Icon name="close" />
      </ActionIcon>
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

function Stopped({ tile }: { tile: Tile }): ReactNode {
  const { t } = useTranslation();
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
