import Konva from "konva";
import { inkOf } from "./brush";
import type { Easel } from "./easel";
import { toScreen, type Rect } from "./geometry";
import type { Hand } from "./hand";

export type Ink = { accent: string; on: string; veil: string; text: string; font: string };

const HANDLES = [[0, 0], [0.5, 0], [1, 0], [0, 0.5], [1, 0.5], [0, 1], [0.5, 1], [1, 1]] as const;
const HANDLE = 10; // pixels of the screen
const DASH = [6, 4];
const HINT = 0.5; // of the opacity that a touch would have

/** Draw what lies over the picture: the box, what is being outlined, and the brush. */
export function createOverlay(easel: Easel, hand: Hand, layer: Konva.Layer, ink: () => Ink): () => void {
  const still = { stroke: "#000", listening: false, perfectDrawEnabled: false, strokeScaleEnabled: false };
  const halo = new Konva.Rect({ ...still, strokeWidth: 3 });
  const box = new Konva.Rect({ ...still, strokeWidth: 1.5, dash: DASH });
  const handles = HANDLES.map(() => new Konva.Rect({ ...still, width: HANDLE, height: HANDLE, cornerRadius: 2, strokeWidth: 1 }));
  const tag = new Konva.Label({ listening: false });
  const card = new Konva.Tag({ cornerRadius: 4 });
  const size = new Konva.Text({ fontSize: 13, padding: 4 });
  tag.add(card, size);
  const dark = new Konva.Line<Konva.LineConfig>({ ...still, strokeWidth: 3 });
  const line = new Konva.Line<Konva.LineConfig>({ ...still, strokeWidth: 1.5, dash: DASH });
  const ring = new Konva.Circle({ ...still, strokeWidth: 3 });
  const brush = new Konva.Circle({ ...still, strokeWidth: 1 });
  const touch = new Konva.Circle({ listening: false, perfectDrawEnabled: false });
  layer.add(halo, box, ...handles, tag, dark, line, touch, ring, brush);

  function drawBox(shown: Rect): void {
    const { accent, on, veil, text, font } = ink();
    const { tool } = easel.get();
    const at = toScreen(easel.get().view, shown);
    halo.setAttrs({ ...at, stroke: veil });
    box.setAttrs({ ...at, stroke: tool === "box" ? accent : text });
    handles.forEach((handle, index) => {
      const [across, down] = HANDLES[index] ?? [0, 0];
      const x = at.x + at.width * across - HANDLE / 2;
      const y = at.y + at.height * down - HANDLE / 2;
      handle.setAttrs({ x, y, fill: accent, stroke: on, visible: tool === "box" });
    });
    card.fill(veil);
    size.setAttrs({ text: `${shown.width} × ${shown.height}`, fill: text, fontFamily: font });
    tag.setAttrs({ x: at.x, y: at.y - 28, visible: at.width > 72 });
  }

  function drawOutline(): void {
    const { view } = easel.get();
    const { accent, veil } = ink();
    const corners = hand.frame ? cornersOf(hand.frame) : hand.outline;
    const points = (corners ?? []).flatMap(({ x, y }) => [x * view.scale + view.x, y * view.scale + view.y]);
    const shown = { points, closed: hand.frame !== null, visible: corners !== null };
    dark.setAttrs({ ...shown, stroke: veil });
    line.setAttrs({ ...shown, stroke: accent });
  }

  function drawBrush(): void {
    const { view, tool, brush: { size: width, ...held } } = easel.get();
    const visible = hand.cursor !== null && (tool === "brush" || tool === "eraser");
    const at = hand.cursor ?? { x: 0, y: 0 };
    const shown = {
      x: at.x * view.scale + view.x, y: at.y * view.scale + view.y,
      radius: Math.max(2, (width * view.scale) / 2), visible,
    };
    const active = easel.active();
    const colour = active ? inkOf(active, held.colour) : held.colour;
    const opacity = !active || active.kind === "image" ? held.opacity / 100 : 1;
    touch.setAttrs({
      ...shown, visible: visible && tool === "brush" && !easel.drawing(), opacity: opacity * HINT,
      fillRadialGradientEndRadius: shown.radius,
      fillRadialGradientColorStops: [0, colour, Math.min(held.hardness / 100, 0.99), colour, 1, clear(colour)],
    });
    ring.setAttrs({ ...shown, stroke: ink().veil });
    brush.setAttrs({ ...shown, stroke: ink().text });
  }

  return () => {
    drawBox(hand.box ?? easel.scene().document.box);
    drawOutline();
    drawBrush();
    layer.batchDraw();
  };
}

/** Give the same colour with nothing of it, so that a soft rim does not grow dark. */
function clear(colour: string): string {
  return colour.startsWith("#") ? `${colour}00` : colour.replace(")", " / 0)");
}

function cornersOf({ x, y, width, height }: Rect): { x: number; y: number }[] {
  return [{ x, y }, { x: x + width, y }, { x: x + width, y: y + height }, { x, y: y + height }];
}
