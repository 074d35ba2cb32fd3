import { MASKING, type Masking } from "./compose";
import { isRecord } from "./document";

const KEY = "heliograph.canvas.masking";

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
  try {
    box?.setItem(KEY, JSON.stringify(masking));
  } catch {
    return; // full, or forbidden: the page works without
  }
}
