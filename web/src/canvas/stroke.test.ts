import { describe, expect, it } from "vitest";
import { digits, FIRST_BRUSH, hardened, resized } from "./brush";
import { TILE } from "./geometry";
import { keepBrush, readBrush } from "./settings";
import { cover, rim } from "./stroke";

function drawn(points: [number, number][], size: number, hardness: number): (x: number, y: number) => number {
  const held = new Uint8Array(TILE * TILE);
  points.forEach(([x, y], index) => {
    const [fromX, fromY] = points[Math.max(0, index - 1)] ?? [x, y];
    cover(held, { x: fromX, y: fromY }, { x, y }, size, hardness);
  });
  return (x, y) => held[y * TILE + x] ?? 0;
}

describe("a stroke", () => {
  it("covers in full up to its rim when it is hard, and nothing beyond", () => {
    const at = drawn([[40.5, 40.5], [90.5, 40.5]], 20, 100);
    expect([at(40, 40), at(65, 40), at(65, 49), at(65, 52), at(28, 40), at(103, 40)]).toEqual([255, 255, 255, 0, 0, 0]);
    expect(at(65, 50)).toBeGreaterThan(0); // the rim lies in this pixel
    expect(at(65, 50)).toBeLessThan(255);
  });

  it("fades from its core outwards when it is soft", () => {
    const at = drawn([[60.5, 60.5]], 40, 50);
    expect(at(60 + 10, 60)).toBe(255);
    const way = Array.from({ length: 10 }, (_, step) => at(70 + step, 60));
    expect(way).toEqual([...way].sort((one, two) => two - one));
    expect(at(75, 60)).toBe(128); // half of the way
    expect(at(80, 60)).toBe(0);
  });

  it("covers no pixel more where it crosses itself", () => {
    const across: [number, number][] = [[20.5, 60.5], [100.5, 60.5]];
    const down: [number, number][] = [[60.5, 20.5], [60.5, 100.5]];
    const [one, two] = [drawn(across, 30, 0), drawn(down, 30, 0)];
    const both = drawn([...across, [100.5, 200.5], [60.5, 200.5], [60.5, 100.5], [60.5, 20.5]], 30, 0);
    for (let y = 40; y < 80; y += 1) {
      for (let x = 40; x < 80; x += 1) expect(both(x, y)).toBe(Math.max(one(x, y), two(x, y)));
    }
  });

  it("is the same in pieces as in one go, wherever a square ends", () => {
    const whole = drawn([[10.5, 30.5], [50.5, 30.5]], 12, 25);
    const pieces = drawn([[10.5, 30.5], [20.5, 30.5], [31.5, 30.5], [50.5, 30.5]], 12, 25);
    for (let x = 0; x < 64; x += 1) expect(pieces(x, 33)).toBe(whole(x, 33));
    const held = new Uint8Array(TILE * TILE);
    expect(cover(held, { x: -90, y: -90 }, { x: -60, y: -60 }, 40, 50)).toBeNull();
    expect(cover(held, { x: -5, y: 30 }, { x: 270, y: 30 }, 8, 50)).toEqual({ x: 0, y: 25, width: 256, height: 10 });
  });

  it("of one pixel still covers one", () => {
    expect(rim(0.5, 100)).toEqual({ inner: 0, outer: 1 });
    expect(drawn([[5.5, 5.5]], 1, 100)(5, 5)).toBe(255);
  });
});

describe("the brush", () => {
  it("is set by keys within its bounds", () => {
    expect(resized({ ...FIRST_BRUSH, size: 1000 }, true).size).toBe(1000);
    expect(hardened({ ...FIRST_BRUSH, hardness: 10 }, false).hardness).toBe(0);
    expect(hardened(FIRST_BRUSH, false).hardness).toBe(75);
  });

  it("takes its opacity from one digit, or two in one go", () => {
    const read = digits();
    expect([read(4, 0), read(5, 300), read(0, 2000), read(3, 4000)]).toEqual([40, 45, 100, 30]);
    expect([read(0, 6000), read(0, 6100)]).toEqual([100, 1]);
  });

  it("is kept in this browser, and what is broken there is passed over", () => {
    const box = new Map<string, string>();
    const storage = { getItem: (key: string) => box.get(key) ?? null, setItem: (key: string, value: string) => void box.set(key, value) };
    const brush = { size: 12, colour: "#00ff00", opacity: 45, hardness: 0, pressure: false };
    expect(readBrush(storage)).toEqual(FIRST_BRUSH);
    keepBrush(storage, brush);
    expect(readBrush(storage)).toEqual(brush);
    keepBrush(storage, { ...brush, size: -4, colour: "red", opacity: 1e9 });
    expect(readBrush(storage)).toEqual({ ...FIRST_BRUSH, hardness: 0, pressure: false });
  });
});
