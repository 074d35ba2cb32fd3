import { intersect, shifted, tilePlace, tilesOf, toScreen, TILE, type Point, type Rect, type View } from "./geometry";
import type { Surface } from "./tiles";

/** A tile, and where it is on the screen. */
export type Square = { canvas: OffscreenCanvas; at: Rect };

export const SHARP = 3; // from here on pixels are shown as squares

/** List the tiles of a layer that lie in a part of the world. */
export function squaresOf(surface: Surface, view: View, offset: Point, seen: Rect): Square[] {
  const found: Square[] = [];
  if (surface.size === 0) return found;
  const own = shifted(seen, -offset.x, -offset.y);
  const few = (own.width / TILE + 1) * (own.height / TILE + 1) < surface.size;
  const keys = few ? tilesOf(own).map(({ key }) => key) : surface.keys();
  for (const key of keys) {
    const tile = surface.get(key);
    const place = tile && tilePlace(key);
    if (!place) continue;
    const square = { ...place, width: TILE, height: TILE };
    if (!intersect(square, own)) continue;
    found.push({ canvas: tile.canvas, at: toScreen(view, shifted(square, offset.x, offset.y)) });
  }
  return found;
}

export function paintSquares(context: CanvasDrawImage, squares: readonly Square[], by: Point = { x: 0, y: 0 }): void {
  for (const { canvas, at } of squares) context.drawImage(canvas, at.x + by.x, at.y + by.y, at.width, at.height);
}
