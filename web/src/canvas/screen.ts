import Konva from "konva";
import type { Easel } from "./easel";
import { intersect, outward, shifted, tilePlace, tilesOf, toScreen, toWorld, TILE, union, type Rect, type View } from "./geometry";
import type { Hand } from "./hand";
import type { Surface } from "./tiles";

/** A picture that lies on the canvas and is not part of it yet. */
export type Staged = { picture: CanvasImageSource; box: Rect };

export type Screen = { redraw: () => void; touch: (area: Rect) => void; stage: (staged: Staged | null) => void };

const SHARP = 3; // from here on pixels are shown as squares

/** Paint the layers onto a Konva layer: all of them when something moved, else only what changed. */
export function createScreen(easel: Easel, hand: Hand, layer: Konva.Layer, paper: () => string): Screen {
  let dirty: Rect | null = null;
  let frame: number | null = null;
  let staged: Staged | null = null;
  const shape = new Konva.Shape({ listening: false, sceneFunc: () => paint(null) });
  layer.add(shape);

  function native(): CanvasRenderingContext2D {
    return layer.getCanvas().getContext()._context;
  }

  function deviceView(): View {
    const ratio = layer.getCanvas().getPixelRatio();
    const { x, y, scale } = easel.get().view;
    return { x: x * ratio, y: y * ratio, scale: scale * ratio };
  }

  function paint(area: Rect | null): void {
    const context = native();
    const view = deviceView();
    const { width, height } = context.canvas;
    const all = { x: 0, y: 0, width, height };
    const part = area ? intersect(all, outward(toScreen(view, area))) : all;
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
    paintLayers(context, view, part);
    if (staged) {
      const at = toScreen(view, staged.box);
      context.globalAlpha = 1;
      context.drawImage(staged.picture, at.x, at.y, at.width, at.height);
    }
    context.restore();
  }

  function paintLayers(context: CanvasRenderingContext2D, view: View, part: Rect): void {
    const corner = toWorld(view, part);
    const seen = { ...corner, width: part.width / view.scale, height: part.height / view.scale };
    for (const { id, hidden, opacity, x, y } of easel.layers()) {
      if (hidden) continue;
      const carried = hand.carry?.layer === id ? hand.carry : { x: 0, y: 0 };
      context.globalAlpha = opacity;
      paintSurface(context, view, easel.pixels(id), { x: x + carried.x, y: y + carried.y }, seen);
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

function paintSurface(
  context: CanvasRenderingContext2D, view: View, surface: Surface, offset: { x: number; y: number }, seen: Rect,
): void {
  if (surface.size === 0) return;
  const own = shifted(seen, -offset.x, -offset.y);
  const few = (own.width / TILE + 1) * (own.height / TILE + 1) < surface.size;
  const keys = few ? tilesOf(own).map(({ key }) => key) : surface.keys();
  for (const key of keys) {
    const tile = surface.get(key);
    const place = tile && tilePlace(key);
    if (!place) continue;
    const square = { ...place, width: TILE, height: TILE };
    if (!intersect(square, own)) continue;
    const at = toScreen(view, shifted(square, offset.x, offset.y));
    context.drawImage(tile.canvas, at.x, at.y, at.width, at.height);
  }
}
