import { covers, grown, intersect, shifted, union, type Point, type Rect } from "./geometry";
import { createHatching, reachOf } from "./hatching";
import { paintSquares, SHARP, type Square } from "./squares";
import type { Surface } from "./tiles";

/** A mask as it lies on the screen, in pixels of the device. */
export type Mask = {
  id: string; // of its layer
  surface: Surface;
  squares: readonly Square[]; // those in sight, and a little around
  offset: Point; // of the layer in the world
  origin: Point; // of the layer on the screen
  scale: number; // pixels of the device to one of the picture
  ratio: number; // pixels of the device to one of the screen
  opacity: number;
};

/** Paint a part of a mask; `still`: nobody draws on it, so what is painted may serve again. */
export type Masks = (target: CanvasRenderingContext2D, mask: Mask, part: Rect, still: boolean) => void;

type Kept = { mask: Mask; area: Rect; canvas: OffscreenCanvas }; // the area is seen from the origin

const AROUND = 128; // pixels by which a view may move before more of a mask is painted
const MOST = 4; // masks that are kept painted, each of them somewhat larger than the screen

/** Say how far beyond what is painted the squares of a mask are wanted. */
export function around(ratio: number, still: boolean): number {
  return reachOf(ratio) + (still ? AROUND : 0);
}

/** Show masks hatched, and keep what was painted of them for as long as only the view moves. */
export function createMasks(): Masks {
  const hatching = createHatching();
  const scratch = new OffscreenCanvas(1, 1);
  const kept = new Map<string, Kept>();

  function make(canvas: OffscreenCanvas, mask: Mask, area: Rect): void {
    const { squares, origin, ratio, opacity, scale } = mask;
    const patch = { area, origin, ratio, opacity, smooth: scale < SHARP };
    hatching(canvas, patch, (context, by) => paintSquares(context, squares, by));
  }

  function hold(mask: Mask, area: Rect): Kept {
    const canvas = kept.get(mask.id)?.canvas ?? new OffscreenCanvas(1, 1);
    make(canvas, mask, area);
    const made = { mask, area: shifted(area, -mask.origin.x, -mask.origin.y), canvas };
    kept.delete(mask.id);
    kept.set(mask.id, made);
    for (const oldest of [...kept.keys()].slice(0, -MOST)) kept.delete(oldest);
    return made;
  }

  return (target, mask, part, still) => {
    const { origin } = mask;
    const covered = mask.squares.reduce<Rect | null>((all, { at }) => union(all, at), null);
    const whole = covered && grown(covered, reachOf(mask.ratio));
    const seen = whole && intersect(part, whole);
    if (!whole || !seen) return;
    target.globalAlpha = 1;
    if (!still) {
      const area = intersect(grown(part, reachOf(mask.ratio)), whole) ?? seen;
      make(scratch, mask, area);
      target.drawImage(scratch, area.x, area.y);
      return;
    }
    const old = kept.get(mask.id);
    const serves = old && same(old.mask, mask) && covers(old.area, shifted(seen, -origin.x, -origin.y));
    const { area, canvas } = serves ? old : hold(mask, intersect(grown(part, AROUND), whole) ?? seen);
    target.drawImage(canvas, area.x + origin.x, area.y + origin.y);
  };
}

/** Say whether two masks differ only by where the view is. */
function same(one: Mask, other: Mask): boolean {
  const parts = ({ surface, offset: { x, y }, scale, ratio, opacity }: Mask) => [surface, x, y, scale, ratio, opacity];
  const others = parts(other);
  return parts(one).every((value, at) => value === others[at]);
}
