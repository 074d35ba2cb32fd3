import { ActionIcon, Popover } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Check } from "../ui/Check";
import { Dial } from "../ui/Dial";
import { FIRST_BRUSH, inkOf, type Brush } from "./brush";
import { useCanvas, useWork } from "./use";

/** How the tip of brush and eraser covers: hardness, opacity, and what a pen's pressure does. */
export function BrushTip(): ReactNode {
  const { t } = useTranslation();
  const { easel } = useCanvas();
  const brush = useWork((work) => work.brush);
  const active = useWork(({ history: { now: { document } } }) => document.layers.find(({ id }) => id === document.active));
  const solid = active !== undefined && active.kind !== "image";
  const set = (change: Partial<Brush>) => easel.set({ brush: { ...easel.get().brush, ...change } });
  const ink = active ? inkOf(active, brush.colour) : brush.colour;
  const words = t("ui.canvas.brush_tip");
  return (
    <Popover position="bottom-start" withinPortal trapFocus width={288} transitionProps={{ duration: 0 }}>
      <Popover.Target>
        <ActionIcon variant="default" size={32} aria-label={words} title={words}>
          <span className="canvas-tip" style={{
            backgroundImage: `radial-gradient(closest-side, ${ink} ${Math.min(brush.hardness, 96)}%, transparent)`,
            opacity: solid ? 1 : brush.opacity / 100,
          }} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown className="stack canvas-tip-card">
        <Dial label={t("ui.canvas.hardness")} value={brush.hardness} min={0} max={100} reach={100} step={1}
          onChange={(hardness) => set({ hardness: hardness ?? FIRST_BRUSH.hardness })} />
        {!solid && (
          <Dial label={t("ui.canvas.opacity")} value={brush.opacity} min={1} max={100} reach={100} step={1}
            onChange={(opacity) => set({ opacity: opacity ?? FIRST_BRUSH.opacity })} />
        )}
        <Check label={t("ui.canvas.pressure")} checked={brush.pressure} onChange={(pressure) => set({ pressure })} />
      </Popover.Dropdown>
    </Popover>
  );
}
