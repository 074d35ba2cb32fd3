/** Where each tile of the results lies: rows of a known height. Knows no screen. */

import type { Group, State, Tile } from "../state/model";

export const GAP = 8; // pixels
export const HEAD = 32; // of the line above a grid
const LOWEST = 120; // what a tile says of its state fits
const TALLEST = 2; // times the width; what is longer is shown whole in a tile of this shape
const NARROW = 520; // of the list: a phone's
const WIDTHS = { wide: 200, narrow: 140 }; // of a tile, at least

export type Cell = { job: string; batch: string; height: number };

/** Tiles side by side, or the line above a grid. */
export type Row = { key: string; height: number; head: Group | null; cells: Cell[]; first: number };

export type Layout = { rows: Row[]; count: number };

/** Say how many tiles lie side by side in a list of a width, and how wide each is. */
export function columnsIn(width: number): { columns: number; side: number } {
  const least = width < NARROW ? WIDTHS.narrow : WIDTHS.wide;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  return { columns, side: Math.floor((width - GAP * (columns - 1)) / columns) };
}

type Known = { group: Group; tiles: Record<string, Tile> | undefined; cells: Cell[] };

/**
 * Make a function that lays out the groups of a state, and gives the same thing while nothing moves.
 *
 * What did not change is not laid out again: a fact costs its own batch, not those before it.
 */
export function createLayouts(): (state: State, columns: number, side: number) => Layout {
  let last: Layout = { rows: [], count: 0 };
  let shape = "";
  let known = new Map<string, Known>();
  let tiles: State["tiles"] | null = null;
  let groups: Group[] = [];

  return (state, columns, side) => {
    const same = shape === `${columns} ${side}`;
    if (same && tiles === state.tiles && groups === state.groups) return last;
    const before = same ? known : new Map<string, Known>();
    const fresh = state.groups.map((group) => look(group, state.tiles[group.id], side, before.get(group.id)));
    const moved = !same || fresh.length !== groups.length || fresh.some((one) => !still(one, before.get(one.group.id)));
    [shape, tiles, groups] = [`${columns} ${side}`, state.tiles, state.groups];
    known = new Map(fresh.map((one) => [one.group.id, one]));
    if (moved) last = arrange(fresh, columns);
    return last;
  };
}

function still(one: Known, before: Known | undefined): boolean {
  return before !== undefined && one.cells === before.cells && one.group.axes === before.group.axes;
}

/** Look at the tiles of a group: which are shown, and how high each is. */
function look(group: Group, tiles: Known["tiles"], side: number, before: Known | undefined): Known {
  if (before?.group === group && before.tiles === tiles) return before;
  const cells = group.jobs.flatMap((job) => {
    const tile = tiles?.[job];
    if (!tile || isGone(tile)) return [];
    return { job, batch: group.id, height: heightOf(tile, group, side) };
  });
  const same = before?.cells.length === cells.length && cells.every(
    ({ job, height }, place) => before.cells[place]?.job === job && before.cells[place].height === height);
  return { group, tiles, cells: same ? before.cells : cells };
}

/** Say whether a job's picture was deleted, which leaves no tile. */
function isGone(tile: Tile): boolean {
  return tile.status === "succeeded" && tile.images.length === 0;
}

function heightOf({ picture }: Tile, group: Group, side: number): number {
  const { width, height } = picture ?? group;
  return Math.round(Math.min(Math.max((side * height) / width, LOWEST), side * TALLEST));
}

/** Put the newest group at the top; what was asked for together begins a row of its own. */
function arrange(all: Known[], columns: number): Layout {
  const rows: Row[] = [];
  let count = 0;
  for (const band of banded(all, columns)) {
    const cells = band.flatMap((one) => one.cells);
    const head = band.find((one) => one.group.axes.length > 0 && one.cells.length > 0)?.group;
    if (head) rows.push({ key: `head ${head.id}`, height: HEAD, head, cells: [], first: count });
    for (let from = 0; from < cells.length; from += columns) {
      const part = cells.slice(from, from + columns);
      const name = band.length > 1 ? part[part.length - 1] : part[0]; // what stays while others come
      const height = Math.max(...part.map((cell) => cell.height));
      rows.push({ key: name?.job ?? "", height, head: null, cells: part, first: count + from });
    }
    count += cells.length;
  }
  return { rows, count };
}

/**
 * Let small groups that follow each other share a row: a single picture would waste one.
 *
 * They are gathered from the oldest on, and a deleted tile keeps its place in the reckoning, so a
 * new group moves nothing but its neighbours in the row at the top.
 */
function banded(all: Known[], columns: number): Known[][] {
  const bands: Known[][] = [];
  let room = 0;
  for (const one of [...all].reverse()) {
    const size = one.group.axes.length > 0 ? columns : one.group.jobs.length;
    if (size < columns && size <= room) bands[0]?.unshift(one);
    else bands.unshift([one]);
    room = size < columns && size <= room ? room - size : Math.max(0, columns - size);
  }
  return bands;
}
