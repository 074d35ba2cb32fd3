import type { Point, Rect } from "./geometry";

/** What a gesture changes while it lasts. Nobody is told: who draws the screen reads it. */
export type Hand = {
  box: Rect | null; // the box as it is dragged
  carry: { layer: string; x: number; y: number } | null; // how far a layer is moved
  outline: Point[] | null; // of a lasso
  frame: Rect | null; // of a rectangle
  cursor: Point | null; // in the world
};

export function emptyHand(): Hand {
  return { box: null, carry: null, outline: null, frame: null, cursor: null };
}
