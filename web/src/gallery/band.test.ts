import { describe, expect, it } from "vitest";
import { alike, covered, holds, pull } from "./band";

// Three columns of cells of 100 pixels, 8 apart; eight pictures.
const under = (start: number, end: number, top: number, bottom: number) =>
  covered({ start, end, top, bottom }, 100, 8, 3, 8);
const places = (cells: ReturnType<typeof under>) => Array.from({ length: 9 }, (_, place) => place).filter((place) => holds(cells, place, 3));

describe("a rubber band", () => {
  it("holds what it touches", () => {
    expect(places(under(-4, 50, -4, 50))).toEqual([0]);
    expect(places(under(50, 150, 50, 150))).toEqual([0, 1, 3, 4]);
    expect(places(under(-4, 400, -4, 900))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("holds nothing between cells and beyond them", () => {
    expect(under(101, 107, 0, 300)).toBeNull();
    expect(under(0, 300, 101, 107)).toBeNull();
    expect(under(0, 300, 330, 900)).toBeNull();
    expect(covered({ start: 0, end: 9, top: 0, bottom: 9 }, 100, 8, 3, 0)).toBeNull();
  });

  it("knows when nothing changed", () => {
    expect(alike(under(0, 50, 0, 50), under(10, 90, 5, 80))).toBe(true);
    expect(alike(under(0, 50, 0, 50), under(0, 150, 0, 50))).toBe(false);
    expect(alike(null, null)).toBe(true);
    expect(alike(null, under(0, 50, 0, 50))).toBe(false);
  });

  it("pulls the view only near its ends, and faster further out", () => {
    expect(pull(300, 0, 600)).toBe(0);
    expect(pull(10, 0, 600)).toBeLessThan(0);
    expect(pull(650, 0, 600)).toBeGreaterThan(pull(590, 0, 600));
    expect(pull(9000, 0, 600)).toBe(pull(5000, 0, 600));
  });
});
