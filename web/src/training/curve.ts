import type { LossPoint } from "../api/wire.gen";

export const MOST = 6000; // points that are held of one run
const THINNED = 3000;

/** Add points to a curve in the order of their steps; a step that comes again is the newer one. */
export function grown(held: LossPoint[], more: LossPoint[]): LossPoint[] {
  const first = more[0];
  if (!first) return held;
  const before = (held.at(-1)?.step ?? -1) < first.step ? held : held.filter(({ step }) => step < first.step);
  return thinned([...before, ...more]);
}

/**
 * Keep a bounded curve: of each stretch of as many steps one point, a validated one where there is any, and the newest.
 * Stretches are of steps and not of points: a curve that is thinned again and again keeps its beginning.
 */
export function thinned(points: LossPoint[], most = MOST, to = THINNED): LossPoint[] {
  const [first, last] = [points[0], points.at(-1)];
  if (points.length <= most || !first || !last) return points;
  const stretch = (last.step - first.step + 1) / to;
  const kept = new Map<number, LossPoint>();
  for (const point of points) {
    const place = Math.floor((point.step - first.step) / stretch);
    const before = kept.get(place);
    if (!before || (before.validation === null && point.validation !== null)) kept.set(place, point);
  }
  kept.set(to, last);
  const all = [...kept.values()];
  return all.at(-2) === last ? all.slice(0, -1) : all;
}

type Values = (number | null)[];

/** Smooth by a running mean whose start is not drawn to zero; gaps stay gaps. */
export function smoothed(values: readonly (number | null)[], factor: number): Values {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = factor * mean + (1 - factor) * value;
    weight = factor * weight + (1 - factor);
    return mean / weight;
  });
}

export const VIEWS = ["loss", "rate", "norm", "speed", "memory"] as const;
export type View = (typeof VIEWS)[number];
export type Part = "loss" | "loss_instance" | "loss_prior" | "validation" | "lr" | "grad_norm" | "seconds" | "memory_bytes";

const PARTS: Record<View, readonly Part[]> = {
  loss: ["loss", "loss_instance", "loss_prior", "validation"],
  rate: ["lr"],
  norm: ["grad_norm"],
  speed: ["seconds"],
  memory: ["memory_bytes"],
};

/** Say which lines a view has: those that have a value anywhere. */
export function partsOf(view: View, points: readonly LossPoint[]): Part[] {
  const told = PARTS[view].filter((part) => points.some((point) => point[part] !== null));
  const alone = view === "loss" && !told.includes("loss_prior");
  return alone ? told.filter((part) => part !== "loss_instance") : told; // the same as the loss
}

/** Give a part's values, smoothed where a view is; the validation loss is smooth by itself. */
export function valuesOf(points: readonly LossPoint[], part: Part, factor: number): Values {
  const values = points.map((point) => point[part]);
  return factor > 0 && part !== "validation" && part !== "lr" ? smoothed(values, factor) : values;
}

/** Put curves of several runs over one axis of steps; null where a run has no point. */
export function joined(tables: readonly { steps: number[]; values: Values }[]): [number[], ...Values[]] {
  const steps = [...new Set(tables.flatMap((table) => table.steps))].sort((one, two) => one - two);
  if (tables.every((table) => table.steps.length === steps.length)) {
    return [steps, ...tables.map((table) => table.values)];
  }
  const columns = tables.map((table) => {
    const known = new Map(table.steps.map((step, place) => [step, table.values[place] ?? null]));
    return steps.map((step) => known.get(step) ?? null);
  });
  return [steps, ...columns];
}
