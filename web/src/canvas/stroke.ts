import type { Brush } from "./brush";
import { intersect, outward, shifted, swept, tilesOf, TILE, union, type Point, type Rect } from "./geometry";
import { contextOf, type Edit } from "./tiles";

const SQUARE = { x: 0, y: 0, width: TILE, height: TILE };

/** Give the radii between which a round tip fades; the rim of a hard one takes a pixel. */
export function rim(radius: number, hardness: number): { inner: number; outer: number } {
  const inner = Math.max(0, Math.min((radius * hardness) / 100, radius - 0.5));
  return { inner, outer: Math.max(radius, inner + 1) };
}

/**
 * Raise what a stroke covers of a square by one more piece of it; what is covered is never covered twice.
 * Points are of the square. Gives the pixels that may have changed.
 */
export function cover(held: Uint8Array, from: Point, to: Point, size: number, hardness: number): Rect | null {
  const { inner, outer } = rim(size / 2, hardness);
  const area = intersect(SQUARE, swept(from, to, outer * 2));
  if (!area) return null;
  const across = to.x - from.x;
  const down = to.y - from.y;
  const length = across * across + down * down;
  const [near, far, fade] = [inner * inner, outer * outer, outer - inner];
  for (let row = area.y; row < area.y + area.height; row += 1) {
    const y = row + 0.5 - from.y;
    for (let column = area.x; column < area.x + area.width; column += 1) {
      const at = row * TILE + column;
      const before = held[at] ?? 0;
      if (before === 255) continue;
      const x = column + 0.5 - from.x;
      const share = length === 0 ? 0 : Math.min(1, Math.max(0, (x * across + y * down) / length));
      const beside = x - share * across;
      const above = y - share * down;
      const apart = beside * beside + above * above;
      if (apart >= far) continue;
      let now = 255;
      if (apart > near) {
        const out = (Math.sqrt(apart) - inner) / fade;
        now = Math.round(255 * (1 - out * out * (3 - 2 * out)));
      }
      if (now > before) held[at] = now;
    }
  }
  return area;
}

/** Says which part of the world has changed; null: none. */
export type Stroke = (from: Point, to: Point, size: number) => Rect | null;

/**
 * Begin a stroke. It is gathered apart and laid on the picture as it was before, so that one of half
 * the opacity stays so where it crosses itself.
 */
export function beginStroke(
  edit: Edit, offset: Point, { hardness, opacity }: Pick<Brush, "hardness" | "opacity">, ink: string, erase: boolean,
): Stroke {
  const covered = new Map<string, Uint8Array>();
  const wet = contextOf(new OffscreenCanvas(TILE, TILE));

  function tint(held: Uint8Array, { x, y, width, height }: Rect): void {
    const pixels = wet.createImageData(width, height);
    for (let row = 0, at = 3; row < height; row += 1) {
      for (let from = (y + row) * TILE + x, column = 0; column < width; column += 1, at += 4) {
        pixels.data[at] = held[from + column] ?? 0;
      }
    }
    wet.putImageData(pixels, x, y);
    wet.save();
    wet.globalCompositeOperation = "source-atop";
    wet.fillStyle = ink;
    wet.fillRect(x, y, width, height);
    wet.restore();
  }

  function lay(key: string, held: Uint8Array, area: Rect): void {
    const square = edit.square(key, erase);
    if (!square) return;
    const { context, before } = square;
    const { x, y, width, height } = area;
    tint(held, area);
    context.save();
    context.clearRect(x, y, width, height);
    if (before) context.drawImage(before, x, y, width, height, x, y, width, height);
    context.globalAlpha = opacity / 100;
    if (erase) context.globalCompositeOperation = "destination-out";
    context.drawImage(wet.canvas, x, y, width, height, x, y, width, height);
    context.restore();
  }

  return (from, to, size) => {
    let changed: Rect | null = null;
    const reach = outward(shifted(swept(from, to, Math.max(size, 2)), -offset.x, -offset.y));
    for (const { key, x, y } of tilesOf(reach)) {
      if (erase && !edit.surface.has(key)) continue;
      const held = covered.get(key) ?? new Uint8Array(TILE * TILE);
      const corner = { x: x + offset.x, y: y + offset.y };
      const within = (point: Point) => ({ x: point.x - corner.x, y: point.y - corner.y });
      const area = cover(held, within(from), within(to), size, hardness);
      if (!area) continue;
      covered.set(key, held);
      lay(key, held, area);
      changed = union(changed, shifted(area, corner.x, corner.y));
    }
    return changed;
  };
}
