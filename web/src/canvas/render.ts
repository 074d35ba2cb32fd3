import { surveyOf, type Mode, type Survey } from "./compose";
import type { Layer } from "./document";
import type { Rect } from "./geometry";
import { contextOf, drawSurface, surfaceOf, type Scene } from "./tiles";

/** Lay the shown layers that are wanted over each other, as they look in a rectangle. */
export function flatten(scene: Scene, rect: Rect, wanted: (layer: Layer) => boolean): OffscreenCanvas {
  const canvas = new OffscreenCanvas(rect.width, rect.height);
  const context = contextOf(canvas);
  for (const layer of scene.document.layers) {
    if (layer.hidden || !wanted(layer)) continue;
    context.globalAlpha = layer.opacity;
    drawSurface(context, surfaceOf(scene, layer.id), layer, rect);
  }
  return canvas;
}

export function isPicture(layer: Layer): boolean {
  return layer.kind === "image";
}

/** Lay masks over each other at full strength, whatever their opacity on the screen. */
export function coverage(scene: Scene, rect: Rect, wanted: (layer: Layer) => boolean): OffscreenCanvas {
  const canvas = new OffscreenCanvas(rect.width, rect.height);
  const context = contextOf(canvas);
  for (const layer of scene.document.layers) {
    if (!layer.hidden && wanted(layer)) drawSurface(context, surfaceOf(scene, layer.id), layer, rect);
  }
  return canvas;
}

export function isMask(layer: Layer): boolean {
  return layer.kind === "mask";
}

/** Look what lies in a box. */
export function survey(scene: Scene, box: Rect): Survey {
  const { width, height } = box;
  const painted = contextOf(coverage(scene, box, isMask)).getImageData(0, 0, width, height).data;
  const pictures = contextOf(flatten(scene, box, isPicture)).getImageData(0, 0, width, height).data;
  let masked = false;
  for (let at = 3; at < painted.length && !masked; at += 4) masked = painted[at] !== 0;
  return surveyOf(pictures, width, height, masked);
}

const GLANCE = 64; // pixels of a side

/** Guess what would be asked for, without reading every pixel. */
export function glance(scene: Scene, box: Rect): Mode {
  const pictures = shareOf(scene, box, isPicture);
  if (pictures === 0) return "txt2img";
  if (pictures < 0.97) return "outpaint";
  return shareOf(scene, box, isMask) > 0 ? "inpaint" : "img2img";
}

/** Find what of an area pictures cover, roughly: the area may be as large as the world. */
export function boundsOf(scene: Scene, area: Rect | null): Rect | null {
  if (!area) return null;
  const { bounds } = surveyOf(small(scene, area, isPicture), GLANCE, GLANCE, false);
  if (!bounds) return null;
  const [across, down] = [area.width / GLANCE, area.height / GLANCE];
  return {
    x: area.x + bounds.x * across, y: area.y + bounds.y * down,
    width: bounds.width * across, height: bounds.height * down,
  };
}

function shareOf(scene: Scene, box: Rect, wanted: (layer: Layer) => boolean): number {
  const data = small(scene, box, wanted);
  let count = 0;
  for (let at = 3; at < data.length; at += 4) if ((data[at] ?? 0) > 32) count += 1;
  return count / (GLANCE * GLANCE);
}

function small(scene: Scene, box: Rect, wanted: (layer: Layer) => boolean): Uint8ClampedArray {
  const canvas = new OffscreenCanvas(GLANCE, GLANCE);
  const context = contextOf(canvas);
  context.scale(GLANCE / box.width, GLANCE / box.height);
  for (const layer of scene.document.layers) {
    if (!layer.hidden && wanted(layer)) drawSurface(context, surfaceOf(scene, layer.id), layer, box);
  }
  return context.getImageData(0, 0, GLANCE, GLANCE).data;
}

/** Write a mask as the server reads it: white where it is painted, black elsewhere. */
export function whiteOn(cover: OffscreenCanvas): OffscreenCanvas {
  const made = new OffscreenCanvas(cover.width, cover.height);
  const context = contextOf(made);
  context.drawImage(cover, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, made.width, made.height);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#000";
  context.fillRect(0, 0, made.width, made.height);
  return made;
}

/** Add what a picture leaves empty to a mask, and a little more, so that the seam is drawn anew. */
export function withGaps(cover: OffscreenCanvas, picture: OffscreenCanvas, overlap: number): OffscreenCanvas {
  const { width, height } = picture;
  const gaps = new OffscreenCanvas(width, height);
  const context = contextOf(gaps);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(picture, 0, 0);
  const made = spread(gaps, overlap);
  contextOf(made).drawImage(cover, 0, 0);
  return made;
}

/** Make a mask larger by a number of pixels on every side. */
export function spread(cover: OffscreenCanvas, by: number): OffscreenCanvas {
  const made = new OffscreenCanvas(cover.width, cover.height);
  const context = contextOf(made);
  context.drawImage(cover, 0, 0);
  for (let radius = by; radius > 0; radius -= Math.max(2, by / 4)) {
    for (let turn = 0; turn < 16; turn += 1) {
      const angle = (turn * Math.PI) / 8;
      context.drawImage(cover, Math.cos(angle) * radius, Math.sin(angle) * radius);
    }
  }
  return made;
}

/** Fill what is empty with the colours around it, coarser the farther away they are. */
export function filled(picture: OffscreenCanvas): OffscreenCanvas {
  const { width, height } = picture;
  const made = new OffscreenCanvas(width, height);
  const context = contextOf(made);
  context.drawImage(picture, 0, 0);
  context.globalCompositeOperation = "destination-over";
  context.imageSmoothingQuality = "high";
  let coarse = picture;
  while (coarse.width > 1 || coarse.height > 1) {
    const next = new OffscreenCanvas(Math.ceil(coarse.width / 2), Math.ceil(coarse.height / 2));
    contextOf(next).drawImage(coarse, 0, 0, next.width, next.height);
    coarse = next;
    for (let again = 0; again < 3; again += 1) context.drawImage(coarse, 0, 0, width, height);
  }
  for (let again = 0; again < 12; again += 1) context.drawImage(coarse, 0, 0, width, height); // opaque at last
  context.fillStyle = "#808080";
  context.fillRect(0, 0, width, height);
  return made;
}

/** Cut a picture out of another. */
export function cut(picture: OffscreenCanvas, { x, y, width, height }: Rect): OffscreenCanvas {
  if (x === 0 && y === 0 && width === picture.width && height === picture.height) return picture;
  const made = new OffscreenCanvas(width, height);
  contextOf(made).drawImage(picture, -x, -y);
  return made;
}

export function toPng(canvas: OffscreenCanvas): Promise<Blob> {
  return canvas.convertToBlob({ type: "image/png" });
}
