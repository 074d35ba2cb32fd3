import { expect, it } from "vitest";
import { flood } from "./flood";

function pixels(rows: string[]): { data: Uint8ClampedArray; width: number; height: number } {
  const colours: Record<string, number[]> = { ".": [0, 0, 0, 0], "#": [200, 0, 0, 255], "+": [205, 0, 0, 255] };
  const data = new Uint8ClampedArray(rows.join("").split("").flatMap((letter) => colours[letter] ?? []));
  return { data, width: rows[0]?.length ?? 0, height: rows.length };
}

function shown(found: Uint8Array, width: number): string[] {
  return [...Array(found.length / width).keys()].map((row) =>
    [...found.slice(row * width, (row + 1) * width)].map((on) => (on ? "x" : "-")).join(""));
}

it("a fill stops at another colour and does not jump over it", () => {
  const held = pixels(["..#..", "..#..", "..#.."]);
  expect(shown(flood(held, 0, 0, 8), 5)).toEqual(["xx---", "xx---", "xx---"]);
});

it("a fill goes around corners", () => {
  const held = pixels([".....", ".###.", ".#.#.", ".###.", "....."]);
  expect(shown(flood(held, 4, 4, 0), 5)).toEqual(["xxxxx", "x---x", "x---x", "x---x", "xxxxx"]);
});

it("a fill takes what is alike within the tolerance", () => {
  expect(shown(flood(pixels(["#+#"]), 0, 0, 8), 3)).toEqual(["xxx"]);
  expect(shown(flood(pixels(["#+#"]), 0, 0, 2), 3)).toEqual(["x--"]);
});

it("a fill outside finds nothing", () => {
  expect(shown(flood(pixels(["##"]), 5, 0, 8), 2)).toEqual(["--"]);
});
