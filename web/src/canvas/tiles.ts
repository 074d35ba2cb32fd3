import type { Document } from "./document";
import { intersect, shifted, tilesOf, TILE, type Point, type Rect } from "./geometry";

export type Context = OffscreenCanvasRenderingContext2D;

/** A square of a layer's pixels. Once a change is done nobody draws on it any more. */
export type Tile = { readonly canvas: OffscreenCanvas; readonly serial: number };

/** The pixels of a layer, by the key of each square that is not empty. */
export type Surface = ReadonlyMap<string, Tile>;

/** A whole picture. Scenes share the tiles in which they are the same. */
export type Scene = { readonly document: Document; readonly surfaces: ReadonlyMap<string, Surface> };

export const MOST_TILES = 2560; // of 256 KiB each, in all layers together
const NO_TILES: Surface = new Map();

let serials = 0;

export function contextOf(canvas: OffscreenCanvas): Context {
  const context = canvas.getContext("2d");
  if (!context) throw new TypeError("no 2d context");
  return context;
}

export function newTile(from: CanvasImageSource | null): Tile {
  const canvas = new OffscreenCanvas(TILE, TILE);
  if (from) contextOf(canvas).drawImage(from, 0, 0);
  return { canvas, serial: (serials += 1) };
}

export function surfaceOf(scene: Scene, layer: string): Surface {
  return scene.surfaces.get(layer) ?? NO_TILES;
}

export function withSurface(scene: Scene, layer: string, surface: Surface): Scene {
  return { ...scene, surfaces: new Map(scene.surfaces).set(layer, surface) };
}

/** Forget the pixels of layers that are gone. */
export function withDocument(scene: Scene, document: Document): Scene {
  if (document === scene.document) return scene;
  const kept = new Set(document.layers.map(({ id }) => id));
  const gone = [...scene.surfaces.keys()].some((id) => !kept.has(id));
  if (!gone) return { ...scene, document };
  return { document, surfaces: new Map([...scene.surfaces].filter(([id]) => kept.has(id))) };
}

export function* tilesIn(scene: Scene): Iterable<Tile> {
  for (const surface of scene.surfaces.values()) yield* surface.values();
}

export function countTiles(scene: Scene): number {
  let count = 0;
  for (const surface of scene.surfaces.values()) count += surface.size;
  return count;
}

/** A change of one layer while it is made: what it touches is copied first, and nothing else. */
export type Edit = {
  /** Draw in the coordinates of the world within `area`; an erasure makes no tiles. */
  draw: (area: Rect, paint: (context: Context) => void, erase?: boolean) => void;
  /** Give a square to be drawn anew, and how it was before the change; null: there is none, or no room. */
  square: (key: string, erase: boolean) => { context: Context; before: OffscreenCanvas | null } | null;
  readonly surface: Surface; // as it is by now
  readonly full: boolean; // there were too many tiles for all that was drawn
};

export function beginEdit(surface: Surface, offset: Point, room: number): Edit {
  const tiles = new Map(surface);
  const fresh = new Map<string, Context>();
  let full = false;

  function contextAt(key: string, erase: boolean): Context | null {
    const known = fresh.get(key);
    if (known) return known;
    const before = tiles.get(key);
    if (!before && erase) return null;
    if (!before && tiles.size - surface.size >= room) {
      full = true;
      return null;
    }
    const tile = newTile(before?.canvas ?? null);
    const context = contextOf(tile.canvas);
    tiles.set(key, tile);
    fresh.set(key, context);
    return context;
  }

  return {
    surface: tiles,
    get full() {
      return full;
    },
    square: (key, erase) => {
      const context = contextAt(key, erase);
      return context && { context, before: surface.get(key)?.canvas ?? null };
    },
    draw: (area, paint, erase = false) => {
      for (const { key, x, y } of tilesOf(shifted(area, -offset.x, -offset.y))) {
        const context = contextAt(key, erase);
        if (!context) continue;
        context.save();
        context.setTransform(1, 0, 0, 1, -x - offset.x, -y - offset.y);
        if (erase) context.globalCompositeOperation = "destination-out";
        paint(context);
        context.restore();
      }
    },
  };
}

/** Draw what a layer shows in a rectangle of the world, whose corner is the context's origin. */
export function drawSurface(context: Context, surface: Surface, offset: Point, rect: Rect): void {
  const own = shifted(rect, -offset.x, -offset.y);
  for (const { key, x, y } of tilesOf(own)) {
    const tile = surface.get(key);
    const part = tile && intersect(own, { x, y, width: TILE, height: TILE });
    if (!part) continue;
    context.drawImage(
      tile.canvas, part.x - x, part.y - y, part.width, part.height,
      part.x - own.x, part.y - own.y, part.width, part.height,
    );
  }
}
