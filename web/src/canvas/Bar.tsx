import { ActionIcon, Slider } from "@mantine/core";
import { useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { Icon, type IconName } from "../ui/icons";
import { BRUSH } from "./brush";
import { BrushTip } from "./BrushTip";
import { Mark, type MarkName } from "./marks";
import { useCanvas, useWork } from "./use";

type ButtonProps = { icon?: IconName; mark?: MarkName; words: string; keys?: string; disabled?: boolean; onClick: () => void };

function Press({ icon, mark, words, keys, disabled = false, onClick }: ButtonProps): ReactNode {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={words}
      title={keys ? `${words} (${keys})` : words}
      disabled={disabled}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {mark && <Mark name={mark} />}
    </ActionIcon>
  );
}

/** What is done with the whole picture, and how the brush is. */
export function Bar({ onProjects }: { onProjects: () => void }): ReactNode {
  const { t } = useTranslation();
  const { easel, fit, zoom, exportPng, toGallery, takeFile } = useCanvas();
  const scale = useWork((work) => work.view.scale);
  const back = useWork((work) => work.history.past.length > 0);
  const forth = useWork((work) => work.history.future.length > 0);
  const input = useRef<HTMLInputElement>(null);
  const types = useSelect((state) => state.capabilities?.upload_types);
  return (
    <div className="canvas-bar" role="toolbar" aria-label={t("ui.canvas.picture")}>
      <Brush />
      <span className="grow" />
      <Press mark="undo" words={t("ui.undo")} keys="Ctrl+Z" disabled={!back} onClick={easel.undo} />
      <Press mark="redo" words={t("ui.canvas.redo")} keys="Ctrl+Y" disabled={!forth} onClick={easel.redo} />
      <span className="canvas-rule" />
      <Press mark="minus" words={t("ui.canvas.zoom_out")} keys="-" onClick={() => zoom(0.8)} />
      <button type="button" className="canvas-zoom" title={`${t("ui.canvas.fit")} (F)`} onClick={fit}>
        {Math.round(scale * 100)}%
      </button>
      <Press mark="plus" words={t("ui.canvas.zoom_in")} keys="+" onClick={() => zoom(1.25)} />
      <span className="canvas-rule" />
      <input
        ref={input}
        type="file"
        hidden
        accept={types?.join(",")}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) takeFile(file);
          event.currentTarget.value = "";
        }}
      />
      <Press icon="image" words={t("ui.canvas.add_picture")} onClick={() => input.current?.click()} />
      <Press icon="gallery" words={t("ui.canvas.to_gallery")} onClick={toGallery} />
      <Press icon="download" words={t("ui.canvas.export")} onClick={exportPng} />
      <Press mark="folder" words={t("ui.canvas.projects")} keys="Ctrl+S" onClick={onProjects} />
      <Kept />
    </div>
  );
}

/** Size and colour; a mask has its own colour. */
function Brush(): ReactNode {
  const { t } = useTranslation();
  const { easel } = useCanvas();
  const brush = useWork((work) => work.brush);
  const tool = useWork((work) => work.tool);
  const kind = useWork((work) => work.history.now.document.layers.find(({ id }) => id === work.history.now.document.active)?.kind);
  const sized = tool === "brush" || tool === "eraser";
  const coloured = tool !== "eraser" && kind !== "mask" && kind !== "region";
  return (
    <div className="canvas-brush">
      {coloured && (
        <input
          type="color"
          aria-label={t("ui.canvas.colour")}
          title={t("ui.canvas.colour")}
          value={brush.colour}
          onChange={(event) => easel.set({ brush: { ...brush, colour: event.currentTarget.value } })}
        />
      )}
      {sized && (
        <>
          <Slider
            size="sm"
            className="canvas-size"
            min={0}
            max={100}
            step={1}
            label={null}
            thumbLabel={t("ui.canvas.brush_size")}
            value={toDial(brush.size)}
            onChange={(dial) => easel.set({ brush: { ...brush, size: fromDial(dial) } })}
          />
          <span className="canvas-figure" dir="ltr" title="[ ]">{brush.size} px</span>
          <BrushTip />
        </>
      )}
    </div>
  );
}

/** A slider that is fine for small brushes and coarse for large ones. */
function toDial(size: number): number {
  return Math.round((Math.log(size) / Math.log(BRUSH.most)) * 100);
}

function fromDial(dial: number): number {
  return Math.round(BRUSH.most ** (dial / 100));
}

function Kept(): ReactNode {
  const { t } = useTranslation();
  const saved = useWork((work) => work.saved);
  return (
    <span className="live-dot canvas-kept" data-kept={saved} role="status" title={t(`ui.canvas.kept.${saved}`)}>
      <span className="hidden">{t(`ui.canvas.kept.${saved}`)}</span>
    </span>
  );
}
