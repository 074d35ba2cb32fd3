export type Ratio = { name: string; across: number; down: number };

export const RATIOS: readonly Ratio[] = [
  { name: "1:1", across: 1, down: 1 },
  { name: "4:3", across: 4, down: 3 },
  { name: "3:2", across: 3, down: 2 },
  { name: "16:9", across: 16, down: 9 },
  { name: "3:4", across: 3, down: 4 },
  { name: "2:3", across: 2, down: 3 },
  { name: "9:16", across: 9, down: 16 },
];

export const GRID = 8; // pixels; the sides a model takes are multiples of it
export const SMALLEST = 8;
const SMALL = 256; // pixels of the longer side of a thumbnail
const STRETCH = 1.05; // nobody sees that a picture was enlarged so little

/** Give the sides of a ratio with about as many pixels as `area`. */
export function sidesOf(ratio: Ratio, area: number): { width: number; height: number } {
  const grid = area >= 512 * 512 ? 64 : GRID;
  const width = Math.sqrt((area * ratio.across) / ratio.down);
  const snap = (side: number) => Math.max(grid, Math.round(side / grid) * grid);
  return { width: snap(width), height: snap((width * ratio.down) / ratio.across) };
}

/** Name the preset that a size is, if it is one. */
export function ratioOf(width: number, height: number, area: number): Ratio | null {
  return (
    RATIOS.find((ratio) => {
      const sides = sidesOf(ratio, area);
      return sides.width === width && sides.height === height;
    }) ??
    RATIOS.find((ratio) => ratio.across * height === ratio.down * width) ??
    null
  );
}

/** Say whether the thumbnail of a picture looks like the file where its longer side is shown on `pixels` of the screen. */
export function smallIsEnough(picture: { width: number; height: number }, pixels: number): boolean {
  return Math.max(picture.width, picture.height) >= 2 * SMALL && pixels <= SMALL * STRETCH;
}
