import { ActionIcon, TextInput } from "@mantine/core";
import { useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { hasRoom, KINDS, layerOf, numberOf, type Layer, type LayerKind } from "./document";
import { LayerSettings } from "./LayerSettings";
import { Mark } from "./marks";
import { useCanvas, useWork } from "./use";

function Kind({ kind }: { kind: LayerKind }): ReactNode {
  return kind === "image" ? <Icon name="image" /> : <Mark name={kind} />;
}

/** The layers, the highest first, and what the active one is set to. */
export function Layers(): ReactNode {
  const { t } = useTranslation();
  const { addLayer } = useCanvas();
  const document = useWork((work) => work.history.now.document);
  const active = layerOf(document, document.active);
  const controlled = useSelect((state) => state.models?.some(({ kind }) => kind === "controlnet") ?? false);
  return (
    <section className="canvas-layers" aria-label={t("ui.canvas.layers")}>
      <header className="canvas-layers-head">
        <h2 className="label">{t("ui.canvas.layers")}</h2>
        <span className="grow" />
        {KINDS.map((kind) => (
          <ActionIcon
            key={kind}
            variant="subtle"
            color="gray"
            aria-label={t(`ui.canvas.add.${kind}`)}
            title={kind === "control" && !controlled ? t("ui.canvas.no_control") : t(`ui.canvas.add.${kind}`)}
            disabled={!hasRoom(document, kind) || (kind === "control" && !controlled)}
            onClick={() => addLayer(kind)}
          >
            <Kind kind={kind} />
          </ActionIcon>
        ))}
      </header>
      {document.layers.length === 0 ? (
        <p className="quiet canvas-hint">{t("ui.canvas.no_layers")}</p>
      ) : (
        <ul>
          {document.layers.map((layer, index) => (
            <Row key={layer.id} layer={layer} index={index} number={numberOf(document, layer)} active={layer === active} />
          )).reverse()}
        </ul>
      )}
      {active && <LayerSettings key={active.id} layer={active} />}
    </section>
  );
}

type RowProps = { layer: Layer; index: number; number: number; active: boolean };

function Row({ layer, index, number, active }: RowProps): ReactNode {
  const { t } = useTranslation();
  const { choose, patch, moveLayer, removeLayer } = useCanvas();
  const [naming, setNaming] = useState(false);
  const name = layer.name || t(`ui.canvas.kind.${layer.kind}`, { number });

  function press(event: KeyboardEvent): void {
    if (event.key === "F2") setNaming(true);
    else if (event.key === "Delete") removeLayer(layer.id);
    else if (event.altKey && event.key === "ArrowUp") moveLayer(layer.id, index + 1);
    else if (event.altKey && event.key === "ArrowDown") moveLayer(layer.id, index - 1);
    else return;
    event.preventDefault();
  }

  return (
    <li
      className="canvas-layer"
      data-chosen={active}
      data-hidden={layer.hidden}
      draggable={!naming}
      onDragStart={(event) => event.dataTransfer.setData("text/x-layer", layer.id)}
      onDragOver={(event) => {
        if (event.dataTransfer.types.includes("text/x-layer")) event.preventDefault();
      }}
      onDrop={(event) => {
        const moved = event.dataTransfer.getData("text/x-layer");
        if (!moved) return;
        event.preventDefault();
        moveLayer(moved, index);
      }}
    >
      <Toggle icon={<Mark name={layer.hidden ? "hidden" : "shown"} />} words={t(layer.hidden ? "ui.canvas.show" : "ui.canvas.hide", { name })} onClick={() => patch(layer.id, { hidden: !layer.hidden })} />
      <span className="canvas-kind" style={hued(layer)}>
        <Kind kind={layer.kind} />
      </span>
      {naming ? (
        <TextInput
          aria-label={t("ui.canvas.name")}
          className="grow"
          size="xs"
          autoFocus
          defaultValue={layer.name}
          maxLength={200}
          onBlur={(event) => {
            patch(layer.id, { name: event.currentTarget.value.trim() });
            setNaming(false);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") event.currentTarget.blur();
            if (event.key === "Escape") setNaming(false);
          }}
        />
      ) : (
        <button
          type="button"
          className="canvas-name grow"
          aria-pressed={active}
          title={t("ui.canvas.rename_hint")}
          dir="auto"
          onClick={() => choose(layer.id)}
          onDoubleClick={() => setNaming(true)}
          onKeyDown={press}
        >
          {name}
        </button>
      )}
      <Toggle icon={<Icon name={layer.locked ? "lock" : "unlock"} />} words={t(layer.locked ? "ui.canvas.unlock" : "ui.canvas.lock", { name })} onClick={() => patch(layer.id, { locked: !layer.locked })} />
      <Toggle icon={<Icon name="trash" />} words={t("ui.canvas.remove", { name })} onClick={() => removeLayer(layer.id)} />
    </li>
  );
}

function hued(layer: Layer): { color: string } | undefined {
  return layer.kind === "mask" || layer.kind === "region" ? { color: `hsl(${layer.hue} 90% 55%)` } : undefined;
}

function Toggle({ icon, words, onClick }: { icon: ReactNode; words: string; onClick: () => void }): ReactNode {
  return (
    <ActionIcon variant="subtle" color="gray" size="sm" aria-label={words} title={words} onClick={onClick}>
      {icon}
    </ActionIcon>
  );
}
