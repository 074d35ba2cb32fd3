import { BRUSH, FIRST_BRUSH, type Brush } from "./brush";
import { MASKING, type Masking } from "./compose";
import { isRecord } from "./document";

const KEY = "heliograph.canvas.masking";
const BRUSH_KEY = "heliograph.canvas.brush";

/** Read how masks are drawn, as it was left here. */
export function readMasking(box: Pick<Storage, "getItem"> | null): Masking {
  try {
    const given: unknown = JSON.parse(box?.getItem(KEY) ?? "null");
    if (!isRecord(given)) return MASKING;
    const { blur, grow, detail } = given;
    return {
      blur: typeof blur === "number" && blur >= 0 && blur <= 64 ? blur : MASKING.blur,
      grow: typeof grow === "number" && Math.abs(grow) <= 256 ? Math.round(grow) : MASKING.grow,
      detail: detail === true,
    };
  } catch {
    return MASKING;
  }
}

export function keepMasking(box: Pick<Storage, "setItem"> | null, masking: Masking): void {
  keep(box, KEY, masking);
}

/** Read how the brush was left here. */
export function readBrush(box: Pick<Storage, "getItem"> | null): Brush {
  try {
    const given: unknown = JSON.parse(box?.getItem(BRUSH_KEY) ?? "null");
    if (!isRecord(given)) return FIRST_BRUSH;
    const { size, colour, opacity, hardness, pressure } = given;
    return {
      size: whole(size, BRUSH.least, BRUSH.most) ?? FIRST_BRUSH.size,
      colour: typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour) ? colour : FIRST_BRUSH.colour,
      opacity: whole(opacity, 1, 100) ?? FIRST_BRUSH.opacity,
      hardness: whole(hardness, 0, 100) ?? FIRST_BRUSH.hardness,
      pressure: pressure !== false,
    };
  } catch {
    return FIRST_BRUSH;
  }
}

export function keepBrush(box: Pick<Storage, "setItem"> | null, brush: Brush): void {
  keep(box, BRUSH_KEY, brush);
}

function whole(given: unknown, least: number, most: number): number | null {
  return typeof given === "number" && given >= least && given <= most ? Math.round(given) : null;
}

function keep(box: Pick<Storage, "setItem"> | null, key: string, value: object): void {
  try {
    box?.setItem(key, JSON.stringify(value));
  } catch {
    return; // full, or forbidden: the page works without
  }
}
