import { ActionIcon, SegmentedControl } from "@mantine/core";
import { useEffect, useState, type PointerEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { at, placeOf } from "./stretches";
import { show, showInstead } from "./view";

const MODES = ["slider", "side", "hover"] as const;
type Mode = (typeof MODES)[number];

/** Two pictures: one over the other with an edge that moves, side by side, or in turn. */
export function Compare({ one, two }: { one: string; two: string }): ReactNode {
  const { t } = useTranslation();
  const first = usePicture(one);
  const second = usePicture(two);
  const [mode, setMode] = useState<Mode>("slider");
  return (
    <div className="page compare" onKeyDown={(event) => {
      if (event.key === "Escape") show("gallery");
    }}>
      <header className="compare-head">
        <h1>{t("ui.compare")}</h1>
        <SegmentedControl
          value={mode}
          data={MODES.map((name) => ({ value: name, label: t(`ui.compare.${name}`) }))}
          onChange={(value) => setMode(MODES.find((name) => name === value) ?? "slider")}
        />
        <span className="grow" />
        <ActionIcon variant="default" size="lg" aria-label={t("ui.compare.swap")} title={t("ui.compare.swap")} onClick={() => showInstead("gallery", "compare", two, one)}>
          <Icon name="compare" />
        </ActionIcon>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("ui.close")} title={t("ui.close")} onClick={() => show("gallery")}>
          <Icon name="close" />
        </ActionIcon>
      </header>
      {first && second && mode === "slider" && <Over first={first} second={second} />}
      {first && second && mode === "side" && (
        <div className="compare-stage compare-side"><Picture image={first} /><Picture image={second} /></div>
      )}
      {first && second && mode === "hover" && <InTurn first={first} second={second} />}
      {first && second && <Differences first={first} second={second} />}
    </div>
  );
}

function usePicture(id: string): Image | undefined {
  const { loadImage } = useActions();
  const image = useSelect(({ images, gallery: { stretches } }) => images[id] ?? at(stretches, placeOf(stretches, id)));
  const unknown = image === undefined;
  useEffect(() => {
    if (unknown) loadImage(id);
  }, [unknown, id, loadImage]);
  return image;
}

function Picture({ image }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  return <img src={image.url} width={image.width} height={image.height} alt={image.prompt || t("ui.picture")} draggable={false} />;
}

type Two = { first: Image; second: Image };

/** The edge is a slider for keys; a pointer may take it anywhere on the picture. */
function Over({ first, second }: Two): ReactNode {
  const { t } = useTranslation();
  const [share, setShare] = useState(50);

  function pull(event: PointerEvent<HTMLDivElement>): void {
    if (event.type === "pointermove" && event.buttons === 0) return;
    const box = event.currentTarget.getBoundingClientRect();
    setShare(Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100)));
  }

  return (
    <div className="compare-stage">
      <div
        className="compare-over"
        dir="ltr"
        style={{ aspectRatio: `${first.width} / ${first.height}` }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          pull(event);
        }}
        onPointerMove={pull}
      >
        <Picture image={second} />
        <div className="compare-first" style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}><Picture image={first} /></div>
        <div className="compare-edge" style={{ insetInlineStart: `${share}%` }} aria-hidden="true" />
        <input className="hidden" type="range" min={0} max={100} step={1} value={Math.round(share)} aria-label={t("ui.compare.edge")} onChange={(event) => setShare(Number(event.currentTarget.value))} />
      </div>
    </div>
  );
}

function InTurn({ first, second }: Two): ReactNode {
  const { t } = useTranslation();
  const [other, setOther] = useState(false);
  return (
    <div className="compare-stage">
      <button
        type="button"
        className="compare-over"
        style={{ aspectRatio: `${first.width} / ${first.height}` }}
        aria-pressed={other}
        aria-label={t("ui.compare.other")}
        onPointerEnter={() => setOther(true)}
        onPointerLeave={() => setOther(false)}
        onClick={() => setOther(!other)}
      >
        <Picture image={first} />
        <div className="compare-first" data-shown={other || undefined}><Picture image={second} /></div>
      </button>
    </div>
  );
}

/** What made them, where it is not the same. */
function Differences({ first, second }: Two): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const told = (image: Image): [string, string][] => [
    ["ui.prompt", image.prompt ?? ""],
    ["ui.negative", image.negative_prompt ?? ""],
    ["ui.model", image.model ?? ""],
    ["ui.size", t("ui.size_of", { width: image.width, height: image.height })],
    ["ui.seed", image.seed === null ? "" : String(image.seed)],
    ["ui.steps", image.steps === null ? "" : format.number(image.steps)],
    ["ui.guidance", image.guidance_scale === null ? "" : format.number(image.guidance_scale)],
    ["ui.sampler", image.sampler ?? ""],
  ];
  const right = told(second);
  const rows = told(first).map(([key, value], place) => [key, value, right[place]?.[1] ?? ""] as const);
  const differing = rows.filter(([, one, two]) => one !== two);
  if (differing.length === 0) return <p className="quiet compare-facts">{t("ui.compare.same")}</p>;
  return (
    <table className="compare-facts">
      <tbody>
        {differing.map(([key, one, two]) => (
          <tr key={key}>
            <th scope="row">{t(key)}</th>
            <td><bdi>{one || "–"}</bdi></td>
            <td><bdi>{two || "–"}</bdi></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
