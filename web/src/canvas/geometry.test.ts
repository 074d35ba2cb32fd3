import { describe, expect, it } from "vitest";
import {
  covers, dragged, fitted, gripAt, grown, intersect, outward, side, swept, tilePlace, tilesOf, toScreen,
  toWorld, union, zoomed,
} from "./geometry";

const BOX = { x: 0, y: 0, width: 512, height: 512 };

describe("rectangles", () => {
  it("take a margin on every side", () => {
    expect(grown({ x: 4, y: -2, width: 8, height: 0 }, 3)).toEqual({ x: 1, y: -5, width: 14, height: 6 });
  });

  it("share what lies in both, or nothing", () => {
    expect(intersect(BOX, { x: 500, y: -8, width: 64, height: 16 })).toEqual({ x: 500, y: 0, width: 12, height: 8 });
    expect(intersect(BOX, { x: 512, y: 0, width: 8, height: 8 })).toBeNull();
  });

  it("grow to hold each other", () => {
    expect(union(null, BOX)).toBe(BOX);
    expect(union(BOX, { x: -8, y: 600, width: 8, height: 8 })).toEqual({ x: -8, y: 0, width: 520, height: 608 });
  });

  it("become whole pixels outward", () => {
    expect(outward({ x: -0.5, y: 1.2, width: 1, height: 1 })).toEqual({ x: -1, y: 1, width: 2, height: 2 });
    expect(swept({ x: 10, y: 10 }, { x: 20, y: 10 }, 8)).toEqual({ x: 5, y: 5, width: 20, height: 10 });
  });

  it("cover only what lies inside of them", () => {
    expect(covers(BOX, { x: 8, y: 8, width: 8, height: 8 })).toBe(true);
    expect(covers(BOX, { x: 508, y: 8, width: 8, height: 8 })).toBe(false);
  });
});

describe("the box", () => {
  it("moves and grows by the model's multiples", () => {
    expect(dragged(BOX, "move", { x: 13, y: -3 }, 8, 4096)).toEqual({ x: 16, y: 0, width: 512, height: 512 });
    expect(dragged(BOX, "se", { x: 13, y: -70 }, 8, 4096)).toEqual({ x: 0, y: 0, width: 528, height: 440 });
  });

  it("keeps the side that is not held", () => {
    expect(dragged(BOX, "nw", { x: 400, y: 1000 }, 64, 4096)).toEqual({ x: 384, y: 448, width: 128, height: 64 });
  });

  it("never becomes nothing, or more than a model draws", () => {
    expect(dragged(BOX, "e", { x: -9999, y: 0 }, 8, 4096).width).toBe(8);
    expect(dragged(BOX, "e", { x: 9999, y: 0 }, 8, 4096).width).toBe(4096);
    expect(side(100, 8, 1001)).toBe(104);
  });

  it("is held at its corners, edges and inside", () => {
    expect(gripAt(BOX, { x: -4, y: 2 }, 8)).toBe("nw");
    expect(gripAt(BOX, { x: 515, y: 200 }, 8)).toBe("e");
    expect(gripAt(BOX, { x: 200, y: 200 }, 8)).toBe("move");
    expect(gripAt(BOX, { x: 600, y: 200 }, 8)).toBeNull();
    expect(gripAt({ ...BOX, width: 8, height: 8 }, { x: 4, y: 4 }, 20)).toBe("move");
  });
});

describe("the view", () => {
  it("zooms around the pointer", () => {
    const view = { x: 30, y: -20, scale: 0.5 };
    const at = { x: 200, y: 100 };
    const near = zoomed(view, 3, at);
    expect(toWorld(near, at).x).toBeCloseTo(toWorld(view, at).x);
    expect(toWorld(near, at).y).toBeCloseTo(toWorld(view, at).y);
    expect(zoomed(view, 1e9, at).scale).toBe(32);
  });

  it("shows all of a box", () => {
    const view = fitted(BOX, 800, 600);
    const shown = toScreen(view, BOX);
    expect(covers({ x: 0, y: 0, width: 800, height: 600 }, shown)).toBe(true);
  });

  it("leaves no seam between tiles", () => {
    const view = { x: 0.3, y: 0, scale: 0.137 };
    const [left, right] = tilesOf({ x: 0, y: 0, width: 512, height: 1 }).map(({ x, y }) =>
      toScreen(view, { x, y, width: 256, height: 256 }));
    expect((left?.x ?? 0) + (left?.width ?? 0)).toBe(right?.x);
  });
});

describe("tiles", () => {
  it("are those that a rectangle touches, on both sides of the middle", () => {
    expect(tilesOf({ x: -1, y: 0, width: 2, height: 256 }).map(({ key }) => key)).toEqual(["-1,0", "0,0"]);
    expect(tilesOf({ x: 1e9, y: 0, width: 2, height: 2 })).toEqual([]);
  });

  it("have a place, unless the key is none", () => {
    expect(tilePlace("-1,2")).toEqual({ x: -256, y: 512 });
    expect(["", "1", "1,2,3", "__proto__", "99999,0", "900,0", "1e3,0"].map(tilePlace)).toEqual(Array(7).fill(null));
  });
});
