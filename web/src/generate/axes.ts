import type { Axis, Sweep } from "../api/wire.gen";
import type { Draft, Grid, GridAxis } from "../state/draft";

/** What the values of a field are: numbers within bounds, words, or names to choose from. */
export type Kind =
  | { of: "number"; min: number; max: number; step: number }
  | { of: "words" }
  | { of: "names" };

const NUMBER = (min: number, max: number, step: number): Kind => ({ of: "number", min, max, step });
const SIDE = NUMBER(8, 4096, 8);
const SHARE = NUMBER(0, 1, 0.05);

/** The fields that every recipe of the page has. */
export const FIELDS = {
  seed: NUMBER(0, Number.MAX_SAFE_INTEGER, 1),
  steps: NUMBER(1, 500, 1),
  guidance_scale: NUMBER(0, 100, 0.5),
  prompt: { of: "words" },
  negative_prompt: { of: "words" },
  model: { of: "names" },
  sampler: { of: "names" },
  scheduler: { of: "names" },
  width: SIDE,
  height: SIDE,
  strength: SHARE,
  clip_skip: NUMBER(0, 12, 1),
  guidance_rescale: SHARE,
  variation_seed: NUMBER(0, Number.MAX_SAFE_INTEGER, 1),
  variation_strength: SHARE,
  seamless: { of: "names" },
  vae: { of: "names" },
  hires_factor: NUMBER(1, 4, 0.1),
  hires_strength: SHARE,
} as const satisfies Record<string, Kind>;

export type Field = keyof typeof FIELDS;

const PLACES: Record<string, Kind> = {
  weight: NUMBER(-10, 10, 0.05),
  start: SHARE,
  end: SHARE,
  model: { of: "names" },
};

/** Say what the values of a field, or of a place in a list, are. */
export function kindOf(field: string): Kind {
  const place = /^(?:loras|control|image_prompts)\[\d+\]\.(\w+)$/.exec(field)?.[1];
  if (place !== undefined) return PLACES[place] ?? { of: "words" };
  return (FIELDS as Record<string, Kind>)[field] ?? { of: "words" };
}

/** List the fields that a grid of this draft can vary: what it does not ask for is left out. */
export function fieldsOf(draft: Draft, takes: (field: string) => boolean): string[] {
  const own = (Object.keys(FIELDS) as Field[]).filter((field) => {
    if (field === "strength") return draft.init !== null;
    if (field.startsWith("hires_")) return draft.hires !== null && draft.init === null;
    if (field === "variation_seed") return draft.variationStrength > 0;
    return true;
  });
  const places = [
    ...draft.loras.flatMap((_, at) => [`loras[${at}].weight`, `loras[${at}].model`]),
    ...draft.control.flatMap((_, at) => [`control[${at}].weight`, `control[${at}].end`]),
    ...draft.imagePrompts.map((_, at) => `image_prompts[${at}].weight`),
  ];
  return [...own, ...places].filter((field) => takes(field.split("[")[0] ?? field));
}

export function newAxis(field: string): GridAxis {
  const id = crypto.getRandomValues(new Uint32Array(1)).join("");
  return {
    id, field, by: kindOf(field).of === "number" ? "range" : "list", text: "", from: null, to: null,
    step: null, picked: [], find: "",
  };
}

const MOST = 10_000; // values of one axis

/** Read the values of an axis; empty while it is not written down yet. */
export function valuesOf(axis: GridAxis): (string | number)[] {
  const kind = kindOf(axis.field);
  if (kind.of === "names") return axis.picked;
  if (kind.of === "words") return partsOf(axis.text, axis.by === "replace" ? /[\n,]/ : /\n/);
  if (axis.by === "range") return spread(axis, kind.step);
  return partsOf(axis.text, /[\n,;\s]/).map(Number).filter(Number.isFinite);
}

/** Count the values of an axis. */
export function sizeOf(axis: GridAxis): number {
  return axis.by === "random" ? Math.max(0, Math.round(axis.from ?? 0)) : valuesOf(axis).length;
}

/** Count the cells of a grid; 0 while an axis is empty, or where a zip does not fit together. */
export function cellsOf({ mode, axes }: Grid): number {
  if (axes.length === 0) return 1;
  const sizes = axes.map(sizeOf);
  if (mode === "product") return sizes.reduce((all, size) => all * size, 1);
  const first = sizes[0] ?? 0;
  return sizes.every((size) => size === first) ? first : 0;
}

/** Say what keeps a grid from being asked for; null where nothing does. */
export function faultOf({ mode, axes }: Grid): "empty" | "lengths" | null {
  if (axes.some((axis) => sizeOf(axis) === 0 || (axis.by === "replace" && axis.find === ""))) return "empty";
  if (mode === "zip" && new Set(axes.map(sizeOf)).size > 1) return "lengths";
  return null;
}

/** Count the pictures of a draft: its cells, with as many seeds as it asks for. */
export function picturesOf(draft: Pick<Draft, "grid" | "count">): number {
  const seeds = draft.grid.axes.some(({ field }) => field === "seed") ? 1 : draft.count;
  return cellsOf(draft.grid) * seeds;
}

/** Write a grid as the server takes it; null without axes. */
export function sweepOf({ mode, axes }: Grid): Sweep | null {
  if (axes.length === 0) return null;
  return { mode, axes: axes.map(axisOf) };
}

function axisOf(axis: GridAxis): Axis {
  const replace = axis.by === "replace" ? axis.find : null;
  const none = { start: null, count: null, stop: null, step: 1, board: null, folder: null };
  const values = axis.by === "random" ? { ...none, random: sizeOf(axis) } : valuesOf(axis);
  return { setting: axis.field, node: null, values, replace, zip: [] };
}

/** Count from one number to another, both of them in it where the step allows. */
function spread({ from, to, step }: GridAxis, usual: number): number[] {
  if (from === null || to === null) return [];
  const each = Math.abs(step ?? usual) || usual;
  const count = Math.min(MOST, Math.floor(Math.abs(to - from) / each + 1e-9) + 1);
  const digits = Math.max(...[from, each].map((one) => String(one).split(".")[1]?.length ?? 0));
  const turn = to < from ? -each : each;
  return Array.from({ length: count }, (_, at) => Number((from + at * turn).toFixed(digits)));
}

function partsOf(text: string, by: RegExp): string[] {
  return text.split(by).map((part) => part.trim()).filter((part) => part !== "");
}
