import type { Point, Rect } from "./geometry";
import { contextOf, type Context } from "./tiles";

/** What is painted of a mask, in pixels of the device. */
export type Patch = {
  area: Rect;
  origin: Point; // of the layer: lines stay on the picture when the view moves
  ratio: number; // pixels of the device to one of the screen
  opacity: number;
  smooth: boolean;
};

/** Paint a part of a mask onto a canvas of the size of its area, so that it is told from any picture. */
export type Hatching = (into: OffscreenCanvas, patch: Patch, paint: (context: Context, by: Point) => void) => void;

const STEP = 8; // pixels of the screen from one line to the next, which is of the other shade
const LINE = 1.25;
const EDGE = 1; // pixels of the screen around a mask
const DASH = 4; // of its edge
const DOUBLINGS = 8; // of what a mask covers, before its edge is looked for: a soft rim belongs to it
const LIGHT = "rgb(255 255 255 / 0.9)";
const DARK = "rgb(0 0 0 / 0.9)";

/** Say how far beyond a mask its edge is seen, in pixels of the device. */
export function reachOf(ratio: number): number {
  return Math.ceil(EDGE * ratio) + 1;
}

/**
 * A mask has one colour, which a picture may have too. So it is hatched in light and dark, and has
 * a thin edge of both, as a selection has; on the screen alone, its pixels stay as they are.
 */
export function createHatching(): Hatching {
  const body = contextOf(new OffscreenCanvas(1, 1));
  const firm = contextOf(new OffscreenCanvas(1, 1));
  const edge = contextOf(new OffscreenCanvas(1, 1));
  let known: { ratio: number; hatch: CanvasPattern; dash: CanvasPattern } | null = null;

  function patterns(ratio: number) {
    if (known?.ratio === ratio) return known;
    const dash = Math.round(DASH * ratio);
    const hatch = stripes(Math.round(STEP * ratio), LINE * ratio);
    known = { ratio, hatch, dash: stripes(dash, dash * Math.SQRT1_2) };
    return known;
  }

  function outline(ratio: number): void {
    firm.drawImage(body.canvas, 0, 0);
    firm.globalCompositeOperation = "lighter";
    for (let time = 0; time < DOUBLINGS; time += 1) firm.drawImage(firm.canvas, 0, 0);
    const by = EDGE * ratio;
    for (const [x, y] of [[by, 0], [-by, 0], [0, by], [0, -by]] as const) edge.drawImage(firm.canvas, x, y);
    edge.globalCompositeOperation = "destination-out";
    edge.drawImage(firm.canvas, 0, 0);
  }

  return (into, { area, origin, ratio, opacity, smooth }, paint) => {
    const { hatch, dash } = patterns(ratio);
    for (const canvas of [body.canvas, firm.canvas, edge.canvas, into]) {
      canvas.width = area.width; // empties it; a small one is soon copied when it is drawn
      canvas.height = area.height;
    }
    const corner = { x: -area.x, y: -area.y };
    body.imageSmoothingEnabled = smooth;
    paint(body, corner);
    outline(ratio);
    const from = { x: origin.x + corner.x, y: origin.y + corner.y };
    lay(edge, "source-in", dash, from);
    lay(body, "source-atop", hatch, from);
    const context = contextOf(into);
    context.globalAlpha = opacity;
    context.drawImage(body.canvas, 0, 0);
    context.globalAlpha = Math.min(1, 2 * opacity);
    context.drawImage(edge.canvas, 0, 0);
  };
}

function lay(context: Context, how: GlobalCompositeOperation, pattern: CanvasPattern, { x, y }: Point): void {
  pattern.setTransform(new DOMMatrix([1, 0, 0, 1, x, y]));
  context.globalCompositeOperation = how;
  context.fillStyle = pattern;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

/** Make diagonal lines, light and dark in turn; `step` pixels along each axis lie between two. */
function stripes(step: number, width: number): CanvasPattern {
  const side = 2 * step;
  const context = contextOf(new OffscreenCanvas(side, side));
  context.lineWidth = width;
  for (let line = -2; line <= 4; line += 1) {
    context.strokeStyle = line % 2 === 0 ? LIGHT : DARK;
    context.beginPath();
    context.moveTo(line * step + side, -side);
    context.lineTo(line * step - 2 * side, 2 * side);
    context.stroke();
  }
  const pattern = context.createPattern(context.canvas, "repeat");
  if (!pattern) throw new TypeError("no pattern");
  return pattern;
}
