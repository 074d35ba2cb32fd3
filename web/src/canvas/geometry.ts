export type Point = { x: number; y: number };
export type Rect = { x: number; y: number; width: number; height: number };

/** How the world lies on the screen: screen = world × scale + (x, y). */
export type View = { x: number; y: number; scale: number };

/** What a pointer holds of the box: its inside, an edge, or a corner. */
export type Grip = "move" | "n" | "s" | "e" | "w" | "ne" | "nw" | "se" | "sw";

export const TILE = 256; // pixels: small enough to be copied while a pointer moves
export const REACH = 32_768; // pixels from the middle of the world in which something may lie
export const SCALES = { least: 0.02, most: 32 };

export function limit(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

export function intersect(one: Rect, two: Rect): Rect | null {
  const x = Math.max(one.x, two.x);
  const y = Math.max(one.y, two.y);
  const width = Math.min(one.x + one.width, two.x + two.width) - x;
  const height = Math.min(one.y + one.height, two.y + two.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

export function union(one: Rect | null, two: Rect): Rect {
  if (!one) return two;
  const x = Math.min(one.x, two.x);
  const y = Math.min(one.y, two.y);
  return {
    x, y,
    width: Math.max(one.x + one.width, two.x + two.width) - x,
    height: Math.max(one.y + one.height, two.y + two.height) - y,
  };
}

/** Give the whole pixels that a rectangle touches. */
export function outward({ x, y, width, height }: Rect): Rect {
  const left = Math.floor(x);
  const top = Math.floor(y);
  return { x: left, y: top, width: Math.ceil(x + width) - left, height: Math.ceil(y + height) - top };
}

/** Give a rectangle with a margin on every side. */
export function grown({ x, y, width, height }: Rect, by: number): Rect {
  return { x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by };
}

export function between(one: Point, two: Point): Rect {
  const x = Math.min(one.x, two.x);
  const y = Math.min(one.y, two.y);
  return { x, y, width: Math.abs(one.x - two.x), height: Math.abs(one.y - two.y) };
}

/** Give what a stroke of this width from one point to the other may change. */
export function swept(one: Point, two: Point, size: number): Rect {
  return outward(grown(between(one, two), size / 2 + 1));
}

export function shifted(rect: Rect, x: number, y: number): Rect {
  return { ...rect, x: rect.x + x, y: rect.y + y };
}

export function within(rect: Rect, { x, y }: Point): boolean {
  return x >= rect.x && y >= rect.y && x < rect.x + rect.width && y < rect.y + rect.height;
}

export function covers(outer: Rect, inner: Rect): boolean {
  const shared = intersect(outer, inner);
  return shared?.width === inner.width && shared.height === inner.height;
}

export function tileKey(column: number, row: number): string {
  return `${column},${row}`;
}

/** Give the place of a tile by its key; null for no key. */
export function tilePlace(key: string): Point | null {
  const match = /^(-?\d{1,4}),(-?\d{1,4})$/.exec(key);
  if (!match) return null;
  const place = { x: Number(match[1]) * TILE, y: Number(match[2]) * TILE };
  return Math.abs(place.x) <= REACH && Math.abs(place.y) <= REACH ? place : null;
}

/** List the tiles that a rectangle touches. */
export function tilesOf(rect: Rect): { key: string; x: number; y: number }[] {
  const found: { key: string; x: number; y: number }[] = [];
  const inside = intersect(rect, { x: -REACH, y: -REACH, width: 2 * REACH, height: 2 * REACH });
  if (!inside) return found;
  const right = Math.ceil((inside.x + inside.width) / TILE);
  const bottom = Math.ceil((inside.y + inside.height) / TILE);
  for (let row = Math.floor(inside.y / TILE); row < bottom; row += 1) {
    for (let column = Math.floor(inside.x / TILE); column < right; column += 1) {
      found.push({ key: tileKey(column, row), x: column * TILE, y: row * TILE });
    }
  }
  return found;
}

export function toWorld(view: View, { x, y }: Point): Point {
  return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
}

/** Give whole screen pixels, so that tiles beside each other meet without a seam. */
export function toScreen(view: View, rect: Rect): Rect {
  const x = Math.round(rect.x * view.scale + view.x);
  const y = Math.round(rect.y * view.scale + view.y);
  return {
    x, y,
    width: Math.round((rect.x + rect.width) * view.scale + view.x) - x,
    height: Math.round((rect.y + rect.height) * view.scale + view.y) - y,
  };
}

/** Zoom by a factor so that the world stays where it is under a point of the screen. */
export function zoomed(view: View, factor: number, at: Point): View {
  const scale = limit(view.scale * factor, SCALES.least, SCALES.most);
  const share = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * share, y: at.y - (at.y - view.y) * share };
}

/** Show all of a rectangle in the middle of the screen. */
export function fitted(rect: Rect, width: number, height: number, margin = 48): View {
  const wide = Math.max(1, width - 2 * margin) / rect.width;
  const high = Math.max(1, height - 2 * margin) / rect.height;
  const scale = limit(Math.min(wide, high, 8), SCALES.least, SCALES.most);
  return {
    scale,
    x: Math.round(width / 2 - (rect.x + rect.width / 2) * scale),
    y: Math.round(height / 2 - (rect.y + rect.height / 2) * scale),
  };
}

export function snap(value: number, grid: number): number {
  return Math.round(value / grid) * grid || 0; // never -0
}

/** Say what a point holds of a box; `slack` is in pixels of the world. */
export function gripAt(box: Rect, { x, y }: Point, slack: number): Grip | null {
  if (!within(grown(box, slack), { x, y })) return null;
  const inset = Math.min(slack, box.width / 4, box.height / 4); // leave an inside to a small box
  const north = y < box.y + inset ? "n" : y > box.y + box.height - inset ? "s" : "";
  const west = x < box.x + inset ? "w" : x > box.x + box.width - inset ? "e" : "";
  const grip = `${north}${west}`;
  return grip === "" ? "move" : (grip as Grip);
}

/** Move a box or its side: sides stay multiples of the grid, and within what a model draws. */
export function dragged(box: Rect, grip: Grip, by: Point, grid: number, most: number): Rect {
  if (grip === "move") return { ...box, x: snap(box.x + by.x, grid), y: snap(box.y + by.y, grid) };
  const across = grip.includes("w") ? -by.x : grip.includes("e") ? by.x : 0;
  const down = grip.includes("n") ? -by.y : grip.includes("s") ? by.y : 0;
  const width = side(box.width + across, grid, most);
  const height = side(box.height + down, grid, most);
  return {
    x: grip.includes("w") ? box.x + box.width - width : box.x,
    y: grip.includes("n") ? box.y + box.height - height : box.y,
    width, height,
  };
}

/** Bring a length onto the grid and into the range of a side. */
export function side(length: number, grid: number, most: number): number {
  return limit(snap(length, grid), grid, snap(most, grid));
}
