import type { Axis, Job } from "../api/wire.gen";

/** One side of a table: the axes that turn together, and a value of each for every place. */
export type Side = { names: string[]; places: unknown[][] };

/** Read a batch's axes as sides; what advances together is one. */
export function sidesOf(axes: Axis[]): Side[] {
  return axes
    .map((axis) => (axis.zip.length > 0 ? axis.zip : [axis]))
    .map((group) => ({
      names: group.map(nameOf),
      places: (valuesOf(group[0]) ?? []).map((_, place) => group.map((axis) => valuesOf(axis)?.[place])),
    }))
    .filter(({ places }) => places.length > 0);
}

/** Name an axis the way a job's `overrides` do. */
export function nameOf({ node, setting, replace }: Axis): string {
  const whole = node === null ? setting : `${node}.${setting}`;
  return replace === null ? whole : `${whole}:${replace}`;
}

function valuesOf(axis: Axis | undefined): unknown[] | null {
  return axis && Array.isArray(axis.values) ? axis.values : null;
}

export type Placed = { x: Side | null; y: Side | null; pages: Side[]; cells: Map<string, Job[]> };

/** Choose the sides: the longest are columns and rows unless somebody chose; the others are pages. */
export function place(sides: Side[], jobs: Job[], x: string | null, y: string | null): Placed {
  const longest = [...sides].sort((one, two) => two.places.length - one.places.length);
  const named = (name: string | null) => sides.find((side) => side.names.join() === name);
  const across = named(x) ?? longest.find((side) => side.names.join() !== y) ?? null;
  const down = [named(y), ...longest].find((side) => side !== undefined && side !== across) ?? null;
  const pages = sides.filter((side) => side !== across && side !== down);
  const cells = new Map<string, Job[]>();
  for (const job of jobs) {
    const key = keyOf(sides.map((side) => [side, side.names.map((name) => job.overrides[name])]));
    cells.set(key, [...(cells.get(key) ?? []), job]);
  }
  return { x: across, y: down, pages, cells };
}

/** Write down a place of the table: for each side the values there, in the order of the sides. */
export function keyOf(chosen: [Side, unknown[]][]): string {
  return JSON.stringify(
    [...chosen].sort(([one], [two]) => (one.names.join() < two.names.join() ? -1 : 1)).map(([, values]) => values));
}

/** Write a value as people read it. */
export function worded(values: unknown[]): string {
  return values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" · ");
}
