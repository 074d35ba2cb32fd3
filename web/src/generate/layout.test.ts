import { describe, expect, it } from "vitest";
import { EMPTY_STATE } from "../state/first";
import type { Group, State, Tile } from "../state/model";
import { columnsIn, createLayouts, GAP, HEAD } from "./layout";

function tile(id: string, batch: string, more: Partial<Tile> = {}): Tile {
  return {
    id, batch, status: "running", phase: "", step: 0, steps: 0, eta: null, etaAt: 0, images: [], picture: null,
    error: null, cut: false, preview: null, ...more,
  };
}

/** Make a state of groups, newest first: a name and how many tiles. */
function state(...sizes: [name: string, count: number, more?: Partial<Group>][]): State {
  const groups = sizes.map(([id, count, more]) => ({
    id, jobs: Array.from({ length: count }, (_, place) => `${id}${String(place).padStart(3, "0")}`),
    width: 512, height: 512, axes: [], ...more,
  }));
  const tiles = Object.fromEntries(groups.map(({ id, jobs }) =>
    [id, Object.fromEntries(jobs.map((job) => [job, tile(job, id)]))]));
  return { ...EMPTY_STATE, groups, tiles };
}

function change(before: State, batch: string, job: string, more: Partial<Tile>): State {
  const held = before.tiles[batch] ?? {};
  return { ...before, tiles: { ...before.tiles, [batch]: { ...held, [job]: tile(job, batch, more) } } };
}

function names({ rows }: { rows: { cells: { job: string }[] }[] }): string[][] {
  return rows.map(({ cells }) => cells.map(({ job }) => job));
}

describe("a list", () => {
  it("holds as many columns as fit, on a phone narrower ones", () => {
    expect(columnsIn(824)).toEqual({ columns: 4, side: 200 });
    expect(columnsIn(823).columns).toBe(3);
    expect(columnsIn(358)).toEqual({ columns: 2, side: 175 });
    expect(columnsIn(0).columns).toBe(1);
  });

  it("begins a row for what was asked for together, and lets small groups share one", () => {
    const rows = createLayouts()(state(["E", 1], ["D", 5], ["C", 1], ["B", 1], ["A", 2]), 4, 200);
    expect(names(rows)).toEqual([["E000"], ["D000", "D001", "D002", "D003"], ["D004"], ["C000", "B000", "A000", "A001"]]);
    expect(rows.rows.map(({ first }) => first)).toEqual([0, 1, 5, 6]);
    expect(rows.count).toBe(10);
  });

  it("moves nothing but the row at the top when another group comes", () => {
    const layouts = createLayouts();
    const before = layouts(state(["C", 1], ["B", 3], ["A", 4]), 4, 200);
    const after = layouts(state(["D", 1], ["C", 1], ["B", 3], ["A", 4]), 4, 200);
    expect(names(after)).toEqual([["D000"], ...names(before)]);
    expect(after.rows.slice(1).map(({ key }) => key)).toEqual(before.rows.map(({ key }) => key));
  });

  it("keeps the rows of older groups when a tile is deleted", () => {
    const layouts = createLayouts();
    const before = state(["C", 1], ["B", 1], ["A", 3]);
    expect(names(layouts(before, 4, 200))).toEqual([["C000"], ["B000", "A000", "A001", "A002"]]);
    const gone = change(before, "A", "A001", { status: "succeeded" });
    expect(names(layouts(gone, 4, 200))).toEqual([["C000"], ["B000", "A000", "A002"]]);
  });

  it("puts a line above a grid, and nothing beside it", () => {
    const { rows } = createLayouts()(state(["C", 1], ["B", 2, { axes: ["steps"] }], ["A", 1]), 4, 200);
    expect(rows.map(({ head, cells, height }) => head?.id ?? (height === HEAD ? "" : cells.length))).toEqual([1, "B", 2, 1]);
  });

  it("is as high as the highest picture of a row, within bounds", () => {
    const picture = (height: number) => ({ id: "I", width: 512, height, words: null });
    const base = state(["B", 1, { width: 1024, height: 256 }], ["A", 3, { width: 512, height: 768 }]);
    const sized = change(change(base, "A", "A001", { picture: picture(1024) }), "A", "A002", { picture: picture(9000) });
    const { rows } = createLayouts()(sized, 3, 200);
    expect(rows.map(({ height }) => height)).toEqual([120, 400]);
    expect(rows[1]?.cells.map(({ height }) => height)).toEqual([300, 400, 400]);
    expect(GAP).toBeGreaterThan(0);
  });

  it("is the same thing while nothing moves, however much is drawn", () => {
    const layouts = createLayouts();
    const before = state(["B", 200], ["A", 200]);
    const first = layouts(before, 4, 200);
    const drawn = change(before, "B", "B007", { step: 3, preview: "blob:1" });
    expect(layouts(drawn, 4, 200)).toBe(first);
    expect(layouts({ ...drawn, queue: { ...drawn.queue } }, 4, 200)).toBe(first);
    expect(layouts(drawn, 3, 250)).not.toBe(first);
  });
});
