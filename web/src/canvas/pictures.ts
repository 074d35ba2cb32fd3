import { limit, type Rect } from "./geometry";
import { contextOf, type Context } from "./tiles";
import { spread } from "./render";

const PATIENCE = 30_000; // milliseconds

/** Raised for a picture that this browser cannot read. */
export class UnreadableError extends Error {}

/** Raised for one that is larger than the canvas takes. */
export class TooLargeError extends Error {}

/** Raised where something is to be made of an empty canvas. */
export class NothingError extends Error {}

export const MOST_SIDE = 8192; // pixels

/** Load a picture of the server. */
export async function loadPicture(url: string): Promise<HTMLImageElement> {
  const picture = new Image();
  picture.src = url;
  const late = new Promise<never>((_, failed) => window.setTimeout(() => failed(new UnreadableError(url)), PATIENCE));
  try {
    await Promise.race([picture.decode(), late]);
  } catch {
    throw new UnreadableError(url);
  }
  return picture;
}

/** Read a picture that was dropped, pasted or chosen. Close it when it is drawn. */
export async function readPicture(file: Blob, mostBytes: number): Promise<ImageBitmap> {
  if (file.size > mostBytes) throw new TooLargeError("bytes");
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new UnreadableError(file.type);
  });
  if (Math.max(bitmap.width, bitmap.height) <= MOST_SIDE) return bitmap;
  bitmap.close();
  throw new TooLargeError("pixels");
}

/** Keep of a result only what its mask let change, with the margin in which it was feathered. */
export function masked(result: CanvasImageSource, mask: CanvasImageSource, box: Rect, margin: number): OffscreenCanvas {
  const { width, height } = box;
  const cover = new OffscreenCanvas(width, height);
  const context = contextOf(cover);
  context.drawImage(mask, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = (pixels.data[at] ?? 0) > 0 ? 255 : 0;
  context.putImageData(pixels, 0, 0);
  const made = spread(cover, margin);
  const over = contextOf(made);
  over.globalCompositeOperation = "source-in";
  over.drawImage(result, 0, 0, width, height);
  return made;
}

export function clear(area: Rect): (context: Context) => void {
  return (context) => context.fillRect(area.x, area.y, area.width, area.height);
}

/** Choose the box for a first picture: all of it, if the model can draw that. */
export function boxFor(width: number, height: number, natural: { width: number; height: number }): Rect {
  const most = Math.max(natural.width, natural.height) * 2;
  const all = { width: Math.floor(width / 8) * 8, height: Math.floor(height / 8) * 8 };
  if (Math.min(all.width, all.height) >= 8 && Math.max(width, height) <= most) return { x: 0, y: 0, ...all };
  const sides = {
    width: limit(natural.width, 8, Math.max(8, all.width)),
    height: limit(natural.height, 8, Math.max(8, all.height)),
  };
  return { x: centred(width, sides.width), y: centred(height, sides.height), ...sides };
}

function centred(whole: number, part: number): number {
  return Math.max(0, Math.round((whole - part) / 16) * 8);
}

export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
