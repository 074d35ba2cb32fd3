import type { Layer } from "./document";
import { limit } from "./geometry";

/** What people set of brush and eraser. */
export type Brush = {
  size: number; // pixels across
  colour: string; // #rrggbb
  opacity: number; // per cent, of a whole stroke
  hardness: number; // per cent of the way from the middle to the rim that is covered in full
  pressure: boolean; // a pen's pressure makes it smaller
};

export const BRUSH = { least: 1, most: 1000 };
export const FIRST_BRUSH: Brush = { size: 48, colour: "#d9534f", opacity: 100, hardness: 100, pressure: true };

const HARDER = 25; // per cent, a step of the keys
const TOGETHER = 700; // milliseconds in which two digits are one number

/** Make a brush a step larger or smaller; steps grow with it. */
export function resized(brush: Brush, larger: boolean): Brush {
  const step = Math.max(1, Math.round(brush.size * 0.15));
  return { ...brush, size: limit(larger ? brush.size + step : brush.size - step, BRUSH.least, BRUSH.most) };
}

export function hardened(brush: Brush, harder: boolean): Brush {
  return { ...brush, hardness: limit(brush.hardness + (harder ? HARDER : -HARDER), 0, 100) };
}

/** Say whether a layer marks a part of the picture, in a colour that means nothing else. */
export function marks(layer: Layer): boolean {
  return layer.kind === "mask" || layer.kind === "region";
}

/** Say what a layer is painted with: a mask has its own colour. */
export function inkOf(layer: Layer, colour: string): string {
  return marks(layer) ? `hsl(${layer.hue} 90% 55%)` : colour;
}

/** Read opacity from digits: 4 is 40 %, 0 is 100 %, and 4 5 in one go is 45 %. */
export function digits(): (digit: number, at: number) => number {
  let last: { digit: number; at: number } | null = null;
  return (digit, at) => {
    const both = last !== null && at - last.at < TOGETHER ? last.digit * 10 + digit : null;
    last = both === null ? { digit, at } : null;
    if (both !== null) return Math.max(1, both);
    return digit === 0 ? 100 : digit * 10;
  };
}
