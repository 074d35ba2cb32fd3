import { ActionIcon } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { TOOLS, type Tool } from "./easel";
import { Mark, type MarkName } from "./marks";
import { TOOL_KEYS } from "./toolKeys";
import { useCanvas, useWork } from "./use";

const ICONS: Record<Tool, MarkName> = {
  move: "move", box: "frame", brush: "brush", eraser: "eraser", lasso: "lasso", rect: "rect",
  fill: "fill", picker: "picker", pan: "hand",
};

/** What the pointer does. */
export function Tools(): ReactNode {
  const { t } = useTranslation();
  const { easel } = useCanvas();
  const tool = useWork((work) => work.tool);
  return (
    <div className="canvas-tools" role="toolbar" aria-orientation="vertical" aria-label={t("ui.canvas.tools")}>
      {TOOLS.map((name) => (
        <ActionIcon
          key={name}
          variant="subtle"
          color="gray"
          size={40}
          aria-pressed={tool === name}
          aria-label={t(`ui.canvas.tool.${name}`)}
          title={`${t(`ui.canvas.tool.${name}`)} (${TOOL_KEYS[name].toUpperCase()})`}
          onClick={() => easel.set({ tool: name })}
        >
          <Mark name={ICONS[name]} />
        </ActionIcon>
      ))}
    </div>
  );
}
