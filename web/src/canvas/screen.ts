import Konva from "konva";
import { marks } from "./brush";
import type { Easel } from "./easel";
import { grown, intersect, outward, toScreen, toWorld, union, type Rect, type View } from "./geometry";
import type { Hand } from "./hand";
import { reachOf } from "./hatching";
import { around, createMasks } from "./masks";
import { paintSquares, SHARP, squaresOf } from "./squares";

/** A picture that lies on the canvas and is not part of it yet. */
export type Staged = { picture: CanvasImageSource; box: Rect };

export type Screen = { redraw: () => void; touch: (area: Rect) => void; stage: (staged: Staged | null) => void };

/** Paint the layers onto a Konva layer: all of them when something moved, else only what changed. */
export function createScreen(easel: Easel, hand: Hand, layer: Konva.Layer, paper: () => string): Screen {
  let dirty: Rect | null = null;
  let frame: number | null = null;
  let staged: Staged | null = null;
  const masks = createMasks();
  const shape = new Konva.Shape({ listening: false, sceneFunc: () => paint(null) });
  layer.add(shape);

  function native(): CanvasRenderingContext2D {
    return layer.getCanvas().getContext()._context;
  }

  function ratio(): number {
    return layer.getCanvas().getPixelRatio();
  }

  /** Give the view in pixels of the device, and whole ones: what moved is then the same as before. */
  function deviceView(): View {
    const { x, y, scale } = easel.get().view;
    return { x: Math.round(x * ratio()), y: Math.round(y * ratio()), scale: scale * ratio() };
  }

  function paint(area: Rect | null): void {
    const context = native();
    const view = deviceView();
    const { width, height } = context.canvas;
    const all = { x: 0, y: 0, width, height };
    const part = area ? intersect(all, grown(outward(toScreen(view, area)), reachOf(ratio()))) : all;
    if (!part) return;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (area) {
      context.beginPath();
      context.rect(part.x, part.y, part.width, part.height);
      context.clip();
      context.clearRect(part.x, part.y, part.width, part.height);
    }
    context.imageSmoothingEnabled = view.scale < SHARP;
    const box = toScreen(view, hand.box ?? easel.scene().document.box);
    context.fillStyle = paper();
    context.fillRect(box.x, box.y, box.width, box.height);
    paintLayers(context, view, part, area === null && !easel.drawing());
    if (staged) {
      const at = toScreen(view, staged.box);
      context.globalAlpha = 1;
      context.drawImage(staged.picture, at.x, at.y, at.width, at.height);
    }
    context.restore();
  }

  function paintLayers(context: CanvasRenderingContext2D, view: View, part: Rect, still: boolean): void {
    for (const layer of easel.layers()) {
      if (layer.hidden) continue;
      const { id, opacity } = layer;
      const carried = hand.carry?.layer === id ? hand.carry : { x: 0, y: 0 };
      const offset = { x: layer.x + carried.x, y: layer.y + carried.y };
      const surface = easel.pixels(id);
      const sight = marks(layer) ? grown(part, around(ratio(), still)) : part;
      const seen = { ...toWorld(view, sight), width: sight.width / view.scale, height: sight.height / view.scale };
      const squares = squaresOf(surface, view, offset, seen);
      if (marks(layer)) {
        const origin = toScreen(view, { ...offset, width: 0, height: 0 });
        masks(context, { id, surface, squares, offset, origin, scale: view.scale, ratio: ratio(), opacity }, part, still);
      } else {
        context.globalAlpha = opacity;
        paintSquares(context, squares);
      }
    }
  }

  function flush(): void {
    frame = null;
    const area = dirty;
    dirty = null;
    if (area) paint(area);
  }

  return {
    redraw: () => {
      dirty = null;
      layer.batchDraw();
    },
    touch: (area) => {
      dirty = union(dirty, area);
      frame ??= requestAnimationFrame(flush);
    },
    stage: (next) => {
      staged = next;
      layer.batchDraw();
    },
  };
}
