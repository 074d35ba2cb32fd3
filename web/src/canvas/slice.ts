import type { Rect } from "./geometry";
import type { Slice } from "../state/slice";

/** Pictures that were asked for by the canvas, and where they belong. */
export type Staging = {
  batches: string[];
  jobs: string[];
  box: Rect;
  mask: string | null; // id of what was sent: only there the picture is taken over
  margin: number; // pixels around the mask that were drawn as well
  shown: number; // which of them lies on the canvas
};

export type CanvasPart = { staging: Staging | null; busy: boolean };

export type CanvasLocal =
  | { type: "slice.canvas.busy"; value: boolean }
  | { type: "slice.canvas.staged"; staging: Staging | null }
  | { type: "slice.canvas.shown"; index: number };

const FIRST: CanvasPart = { staging: null, busy: false };

/** What the canvas waits for. The pictures themselves come by the facts that every page sees. */
export const canvasSlice: Slice<CanvasPart> = {
  first: FIRST,
  reduce: (held, told) => {
    if (told.type === "slice.canvas.busy") return { ...held, busy: told.value };
    if (told.type === "slice.canvas.staged") return { ...held, staging: told.staging };
    if (told.type !== "slice.canvas.shown" || !held.staging) return held;
    return { ...held, staging: { ...held.staging, shown: told.index } };
  },
};
