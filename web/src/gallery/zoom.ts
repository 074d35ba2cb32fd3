/** How a picture lies on its stage: its middle is off the stage's middle by x, y pixels. */
export type Zoom = { scale: number; x: number; y: number }; // scale 1: it fits the stage

export const WHOLE: Zoom = { scale: 1, x: 0, y: 0 };
export const MOST = 32;

/** Scale around a point that stays where it is; the point is told from the stage's middle. */
export function zoomed(zoom: Zoom, factor: number, x: number, y: number): Zoom {
  const scale = Math.min(MOST, Math.max(1, zoom.scale * factor));
  if (scale === 1) return WHOLE;
  const by = scale / zoom.scale;
  return { scale, x: x - (x - zoom.x) * by, y: y - (y - zoom.y) * by };
}

/** Move, as far as something of the picture stays in the middle. */
export function moved(zoom: Zoom, x: number, y: number, width: number, height: number): Zoom {
  const reach = { x: (width * zoom.scale) / 2, y: (height * zoom.scale) / 2 };
  return {
    ...zoom,
    x: Math.min(reach.x, Math.max(-reach.x, zoom.x + x)),
    y: Math.min(reach.y, Math.max(-reach.y, zoom.y + y)),
  };
}
